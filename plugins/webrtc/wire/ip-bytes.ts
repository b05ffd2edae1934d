import { ProtocolError } from 'wcs-core';

const IPV6_GROUPS = 8;

/**
 * The bytes of a numeric address in network order, 4 or 16 of them; a zone (`%eth0`) is left out.
 *
 * @throws ProtocolError when the text is no numeric address
 * @see RFC 4291 section 2.2
 */
export function ipToBytes(text: string): Uint8Array {
  const address = text.replace(/%.*$/, '');
  const bytes = address.includes(':') ? ipv6Bytes(address) : ipv4Bytes(address);
  if (bytes === undefined) throw new ProtocolError(`${JSON.stringify(text)} is no numeric IP address.`);
  return bytes;
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 0xff)) return undefined;
  return Uint8Array.from(parts, Number);
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
