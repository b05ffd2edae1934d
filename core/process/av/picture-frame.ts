import { Frame } from 'node-av/lib';
import { AV_PIX_FMT_YUV420P } from 'node-av/constants';
import { checkSize, failure } from './native.ts';

/**
 * A picture of YUV 4:2:0 with memory of its own.
 *
 * @throws WcsError for a size that no encoder takes
 */
export function newPicture(width: number, height: number): Frame {
  checkSize(width, height);
  const frame = new Frame();
  frame.alloc();
  frame.width = width;
  frame.height = height;
  frame.format = AV_PIX_FMT_YUV420P;
  const code = frame.getBuffer();
  if (code >= 0) return frame;
  frame.free();
  throw failure('No memory for a picture', code);
}
