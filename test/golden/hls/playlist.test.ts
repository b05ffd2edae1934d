import test from 'ava';
import { writeMediaPlaylist, type ListedSegment, type MediaPlaylist } from '../../../plugins/hls/wire/media-playlist.ts';

const DATE = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function segment(msn: number, more: Partial<ListedSegment> = {}): ListedSegment {
  return { uri: `t-${msn}.m4s`, durationUs: 2_000_000, programDateTimeMs: DATE + msn * 2000, discontinuity: false, gap: false, mapUri: 't-i0.mp4', parts: [], ...more };
}

const part = (msn: number, index: number, more = {}) => ({ uri: `t-${msn}.${index}.m4s`, durationUs: 333_333, independent: index === 0, gap: false, ...more });

const LIST: MediaPlaylist = {
  targetDurationS: 2,
  mediaSequence: 7,
  discontinuitySequence: 1,
  segments: [7, 8, 9, 10, 11, 12, 13].map((msn) => segment(msn)).concat(segment(14, { mapUri: 't-i1.mp4', discontinuity: true, durationUs: 666_666, parts: [part(14, 0), part(14, 1)] })),
  ended: false,
  lowLatency: { partTargetUs: 350_000, canSkipUntilUs: 12_000_000, open: segment(15, { mapUri: 't-i1.mp4', parts: [part(15, 0), part(15, 1, { gap: true })] }), hintUri: 't-15.2.m4s' },
};

const TAIL = `#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="t-i1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:33.678Z
#EXT-X-PART:DURATION=0.333333,URI="t-14.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.333333,URI="t-14.1.m4s"
#EXTINF:0.666666,
t-14.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:35.678Z
#EXT-X-PART:DURATION=0.333333,URI="t-15.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.333333,URI="t-15.1.m4s",GAP=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="t-15.2.m4s"
`;
const HEAD = `#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.050,CAN-SKIP-UNTIL=12.000
#EXT-X-PART-INF:PART-TARGET=0.350
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:1
`;
const plainSegments = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_unused, index) => {
    const date = new Date(DATE + (from + index) * 2000).toISOString();
    return `#EXT-X-PROGRAM-DATE-TIME:${date}\n#EXTINF:2.000,\nt-${from + index}.m4s\n`;
  }).join('');

test('a low-latency list is written as the draft shows it', (t) => {
  const text = writeMediaPlaylist(LIST, { delta: false, uriSuffix: '' });
  t.is(text, `#EXTM3U\n#EXT-X-VERSION:8\n${HEAD}#EXT-X-MAP:URI="t-i0.mp4"\n${plainSegments(7, 13)}${TAIL}`);
});

test('a delta leaves out what is further than the boundary from the end of the last whole segment, and nothing else', (t) => {
  const text = writeMediaPlaylist(LIST, { delta: true, uriSuffix: '' });
  t.is(text, `#EXTM3U\n#EXT-X-VERSION:9\n${HEAD}#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n${plainSegments(8, 13)}${TAIL}`);
});

test('a classic list has no tag that needs a newer version', (t) => {
  const list: MediaPlaylist = {
    targetDurationS: 2,
    mediaSequence: 0,
    discontinuitySequence: 0,
    segments: [{ uri: 't-0.ts', durationUs: 1_966_667, programDateTimeMs: DATE, discontinuity: false, gap: false, parts: [] }],
    ended: true,
  };
  t.is(
    writeMediaPlaylist(list, { delta: true, uriSuffix: '?a=1' }),
    '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n' +
      '#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\n#EXTINF:1.966667,\nt-0.ts?a=1\n#EXT-X-ENDLIST\n',
  );
});
