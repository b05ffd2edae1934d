/** FLV: the bodies of audio and video messages (of RTMP too), and the framing of FLV files and streams. */
export { parseAudioBody, encodeAudioBody, encodeAudioTracks } from './flv-audio.ts';
export { parseVideoBody, encodeVideoBody, encodeVideoTracks, encodeVideoCommand, type FlvForm } from './flv-video.ts';
export { encodeFlvHeader, encodeFlvTag, FlvReader, MAX_FLV_HEADER_BYTES, MAX_FLV_TAG_BYTES, type FlvHeader, type FlvTag } from './flv-file.ts';
export { MAX_FLV_TRACKS, MAX_TIMESTAMP_OFFSET_NS } from './flv-enhanced.ts';
export * from './flv-packet.ts';
