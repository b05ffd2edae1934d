/** What the pages share: elements, formats, and calls to the server. */

/** Makes an element: `h('a', { href: '/' }, 'text')`. Texts are texts, never markup. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class') element.className = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** The element of that id. */
export const byId = (id) => document.getElementById(id);

/** Changes a text only when it differs, so that a selection survives. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function formatBits(bitsPerSecond) {
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(bitsPerSecond >= 1e7 ? 0 : 1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

export function formatBytes(bytes) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log(bytes) / Math.log(1000)));
  const value = bytes / 1000 ** step;
  return `${value.toFixed(step > 0 && value < 10 ? 1 : 0)} ${units[step]}`;
}

export function formatDuration(durationMs) {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** An answer that is no success. */
export class CallError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const STORED = 'wcs-authorization';

/** The user's sign-in: kept for this tab only, and sent by nobody but this page. */
export const account = {
  get header() {
    return sessionStorage.getItem(STORED) ?? undefined;
  },
  signIn(user, password) {
    const bytes = new TextEncoder().encode(`${user}:${password}`);
    sessionStorage.setItem(STORED, `Basic ${btoa(String.fromCharCode(...bytes))}`);
  },
  signOut() {
    sessionStorage.removeItem(STORED);
  },
};

/** Fetches with the sign-in; throws a `CallError` with the server's own sentence. */
export async function call(path, options = {}) {
  const headers = { ...options.headers, ...(account.header === undefined ? {} : { Authorization: account.header }) };
  // `omit`: the browser neither adds a password of its own nor asks for one in a window of its own.
  const response = await fetch(path, { ...options, headers, credentials: 'omit', cache: 'no-store' });
  const text = await response.text();
  if (response.ok) return text === '' ? undefined : JSON.parse(text);
  throw new CallError(response.status, sentenceOf(text) ?? `The server answered ${response.status}.`);
}

function sentenceOf(text) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return undefined;
  }
}

/** Calls an operation: `operate('plugin/reload', { name: 'rtmp' })`. */
export function operate(path, input) {
  return call(`/rest-api/${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(input ?? {}) });
}

/** Shows the sign-in form until `attempt` succeeds with what was typed, then resolves with its result. */
export function askForSignIn(form, attempt, reason) {
  const notice = form.querySelector('[role=alert]');
  const button = form.querySelector('button');
  const say = (text) => {
    notice.hidden = text === undefined;
    setText(notice, text ?? '');
  };
  say(reason);
  form.hidden = false;
  form.elements.password.focus();
  return new Promise((resolve) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      account.signIn(form.elements.user.value, form.elements.password.value);
      button.disabled = true;
      try {
        const result = await attempt();
        form.hidden = true;
        form.elements.password.value = '';
        resolve(result);
      } catch (error) {
        account.signOut();
        say(error.message);
        form.elements.password.select();
      } finally {
        button.disabled = false;
      }
    };
  });
}

/** Shows a message for some seconds. */
export function toast(text, good = false) {
  const box = byId('toast');
  box.className = good ? 'toast notice good' : 'toast notice';
  setText(box, text);
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (box.hidden = true), good ? 4000 : 10_000);
}
