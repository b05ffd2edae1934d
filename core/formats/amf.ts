/** Action Message Format 0 and 3: the values of RTMP and RTMFP commands and of FLV script tags. */
export { decodeAmf0 } from './amf0-decoder.ts';
export { encodeAmf0 } from './amf0-encoder.ts';
export { decodeAmf3 } from './amf3-decoder.ts';
export { encodeAmf3 } from './amf3-encoder.ts';
export * from './amf-value.ts';
