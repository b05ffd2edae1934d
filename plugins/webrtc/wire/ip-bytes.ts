import { ProtocolError } from 'wcs-core';

const IPV4_BYTES = 4;
const IPV6_GROUPS = 8;
const DOT = 0x2e;
const ZERO = 0x30;

/**
 * The bytes of a numeric address in network order, 4 or 16 of them; a zone (`%eth0`) is left out.
 *
 * @throws ProtocolError when the text is no numeric address
 * @see RFC 4291 section 2.2
 */
export function ipToBytes(text: string): Uint8Array {
  const zone = text.indexOf('%');
  const address = zone < 0 ? text : text.slice(0, zone);
  const bytes = address.includes(':') ? ipv6Bytes(address) : ipv4Bytes(address);
  if (bytes === undefined) throw new ProtocolError(`${JSON.stringify(text)} is no numeric IP address.`);
  return bytes;
}

/** Without expressions and parts: every connectivity check of every peer comes by. */
function ipv4Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(IPV4_BYTES);
  let index = 0;
  let digits = 0;
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0 || index === IPV4_BYTES - 1) return undefined;
      bytes[index++] = value;
      digits = 0;
      value = 0;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || ++digits > 3) return undefined;
    value = value * 10 + digit;
    if (value > 0xff) return undefined;
  }
  if (digits === 0 || index !== IPV4_BYTES - 1) return undefined;
  bytes[index] = value;
  return bytes;
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = [groupsOf(halves[0] ?? ''), groupsOf(halves[1] ?? '')];
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_GROUPS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** 16-bit groups; the last may be a dotted IPv4 address, which makes two. */
function groupsOf(text: string): number[] | undefined {
  const groups: number[] = [];
  for (const part of text === '' ? [] : text.split(':')) {
    const ipv4 = part.includes('.') ? ipv4Bytes(part) : undefined;
    if (ipv4 !== undefined) groups.push(((ipv4[0] ?? 0) << 8) | (ipv4[1] ?? 0), ((ipv4[2] ?? 0) << 8) | (ipv4[3] ?? 0));
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(parseInt(part, 16));
    else return undefined;
  }
  return groups;
}
