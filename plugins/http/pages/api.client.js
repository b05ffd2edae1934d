import { account, askForSignIn, byId, call, CallError, h, setText } from './common.js';

/** A sample value for a field, so that the form starts with something to edit. */
function sampleOf(schema) {
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first !== undefined) return sampleOf(first);
  const samples = { string: '', number: 0, integer: 0, boolean: false, array: [], object: {} };
  return samples[schema.type] ?? null;
}

function typeOf(schema) {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return [...new Set(choices.map(typeOf))].join(' | ');
  if (schema.type === 'array') return `${typeOf(schema.items ?? {})}[]`;
  return [schema.type ?? 'any'].flat().join(' | ');
}

function fieldTable(schema) {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return h('p', { class: 'muted' }, 'Takes no fields.');
  const required = new Set(schema.required);
  const rows = fields.map(([name, field]) => {
    const standard = field.default === undefined ? '' : `Default ${JSON.stringify(field.default)}.`;
    const note = [required.has(name) ? 'Required.' : '', field.description === undefined ? '' : `${field.description}.`, standard].filter((part) => part !== '').join(' ');
    return h('tr', {}, h('td', { class: 'mono' }, name), h('td', { class: 'mono muted' }, typeOf(field)), h('td', {}, note));
  });
  const head = h('tr', {}, ...['Field', 'Type', 'Meaning'].map((text) => h('th', { scope: 'col' }, text)));
  return h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, head), h('tbody', {}, ...rows)));
}

/** Shows the whole answer: status, time and body. */
async function send(path, body, output) {
  const startedAt = performance.now();
  try {
    const answer = await call(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    const text = answer === undefined ? '(empty body)' : JSON.stringify(answer, undefined, 2);
    setText(output, `200 in ${Math.round(performance.now() - startedAt)} ms\n${text}`);
  } catch (error) {
    setText(output, error instanceof CallError ? `${error.status}\n${error.message}` : error.message);
  }
  output.hidden = false;
}

function tryForm(path, schema) {
  const required = new Set(schema.required);
  const sample = Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => required.has(name)).map(([name, field]) => [name, sampleOf(field)]));
  const input = h('textarea', { 'aria-label': `Body for ${path}`, spellcheck: 'false', name: 'body' });
  input.value = JSON.stringify(sample, undefined, 2);
  const output = h('pre', { hidden: true, tabindex: '0', role: 'status' });
  const submit = (event) => {
    event.preventDefault();
    void send(path, input.value, output);
  };
  const curl = h('pre', {}, `curl -u ${userName()} -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(sample)}' \\\n  ${location.origin}${path}`);
  return h('form', { onsubmit: submit }, input, h('div', { class: 'actions' }, h('button', { class: 'primary' }, 'Send')), output, curl);
}

function userName() {
  const pair = atob((account.header ?? '').replace(/^Basic /, ''));
  return pair.split(':', 1)[0] || 'admin';
}

function operation(path, { summary, description, requestBody }) {
  const schema = requestBody?.content?.['application/json']?.schema ?? {};
  const details = h('details', { class: 'operation', 'data-words': `${path} ${summary}`.toLowerCase() });
  const role = description.includes('role admin') ? h('span', { class: 'tag' }, 'admin') : undefined;
  details.append(h('summary', {}, h('span', { class: 'path' }, path), h('span', { class: 'muted' }, summary), role));
  // The form is made when it is first looked at: a server has many operations.
  details.addEventListener('toggle', () => details.append(h('div', { class: 'body' }, h('div', {}, h('p', { class: 'muted' }, description), fieldTable(schema)), tryForm(path, schema))), { once: true });
  return details;
}

function show({ info, paths }) {
  byId('content').hidden = false;
  setText(byId('version'), `v${info.version}`);
  const groups = new Map();
  for (const [path, { post }] of Object.entries(paths)) {
    const [tag] = post.tags;
    groups.set(tag, [...(groups.get(tag) ?? []), operation(path, post)]);
  }
  const count = Object.keys(paths).length;
  byId('intro').replaceChildren(`${count} operations. All take POST with a JSON body; the same paths are served below /rest-api/v3. Machine-readable: `, h('a', { href: '/openapi.json' }, 'openapi.json'), '.');
  byId('groups').replaceChildren(
    ...[...groups].map(([tag, operations]) => h('section', { class: 'card' }, h('header', {}, h('h2', {}, tag), h('span', { class: 'count' }, String(operations.length))), ...operations)),
  );
}

function filter() {
  const word = byId('filter').value.trim().toLowerCase();
  for (const details of document.querySelectorAll('.operation')) details.hidden = !details.dataset.words.includes(word);
  for (const section of byId('groups').children) section.hidden = section.querySelector('.operation:not([hidden])') === null;
  byId('nothing').hidden = byId('groups').querySelector('.card:not([hidden])') !== null;
}

const look = () => call('/openapi.json');

async function start() {
  try {
    show(await look());
  } catch (error) {
    show(await askForSignIn(byId('sign-in'), look, account.header === undefined ? undefined : error.message));
  }
}

byId('filter').addEventListener('input', filter);
void start();
