/** The server's grammar of stream names, so that a wrong one is told while it is typed. */

const NAME_MAX = 255;
const NOT_IN_NAME = /[^\p{L}\p{M}\p{N}\-_.~:@#$+=,!()[\]{}%&;*/]/u;
const DOTS = /^(?:\.|%2e){1,2}$/i;

/** What is wrong with the name of a stream to publish; undefined when nothing is. */
export function faultOfName(text) {
  const name = text.normalize('NFC');
  if (name === '') return 'Give the stream a name.';
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name)) return 'A name is no address: leave out what stands before and with ://.';
  if (name.length > NAME_MAX) return `The name has ${name.length} characters; ${NAME_MAX} are allowed.`;
  const odd = NOT_IN_NAME.exec(name)?.[0];
  if (odd !== undefined) return `${odd.trim() === '' ? 'White space' : JSON.stringify(odd)} is not allowed in a name. Letters, digits and -_.~:@#$+=,!()[]{}%&;* are, in parts that slashes part.`;
  const segments = name.split('/');
  if (segments.includes('')) return 'A slash stands between two parts of the name: not first, not last, not twice.';
  return segments.some((segment) => DOTS.test(segment)) ? 'No part of the name may be "." or "..".' : undefined;
}
