/** Writing of fragmented MP4 and CMAF: an init segment, then fragments. @see ISO/IEC 14496-12, ISO/IEC 23000-19 */
export { encodeFragment, encodeFragmentPieces, type Mp4Fragment, type Mp4FragmentTrack, type Mp4Sample } from './mp4-fragment.ts';
export { encodeInitSegment } from './mp4-init.ts';
export { mp4TrackOf, VIDEO_TIMESCALE_HZ, type Mp4AudioTrack, type Mp4Source, type Mp4Track, type Mp4VideoTrack } from './mp4-track.ts';
