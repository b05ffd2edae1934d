import { ProtocolError } from '../../errors/wcs-error.ts';
import { MAX_UNIT_BYTES } from './payload-format.ts';

/**
 * Size of the fragments that `bytes` are cut to, so that none exceeds `maxBytes` and all are equal but for a shorter last one.
 *
 * @throws ProtocolError for nothing at all and for more than `MAX_UNIT_BYTES`
 */
export function fragmentSize(bytes: number, maxBytes: number): number {
  if (bytes === 0) throw new ProtocolError('An empty media unit', 0);
  if (bytes > MAX_UNIT_BYTES) throw new ProtocolError(`A media unit of ${bytes} bytes exceeds ${MAX_UNIT_BYTES}`);
  return Math.ceil(bytes / Math.ceil(bytes / maxBytes));
}
