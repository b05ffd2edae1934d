import test from 'ava';
import type { PluginContext, SenderFacts, Stream } from 'wcs-core';
import { RtpPlayer } from '../../../plugins/webrtc/bridge/rtp-player.ts';
import type { PlayRequest } from '../../../plugins/webrtc/server/media-port.ts';
import { parseRtcp, type RtcpPacket } from '../../../core/rtp/rtcp.ts';

/** A player of a viewer whose reports are given, and what it sends by RTCP. */
function playerOf(reports: () => SenderFacts[]): { player: RtpPlayer; sent: RtcpPacket[] } {
  const sent: RtcpPacket[] = [];
  const counters = { get packets() { return reports().reduce((sum, { packetCount }) => sum + packetCount, 0); } };
  const viewer = { reports, counters, tracks: [] };
  const ctx = { media: { rtpFanout: () => ({ add: () => viewer }) } } as unknown as PluginContext;
  const sender = { counters, sendRtcp: (compound: Uint8Array) => sent.push(...parseRtcp(compound)) };
  const request = { stream: { stats: { layers: [] } } as unknown as Stream, session: { id: 's', scope: undefined }, media: [], sourceOf: () => undefined, wish: {}, sender, sink: {} } as unknown as PlayRequest;
  return { player: new RtpPlayer(ctx, request), sent };
}

test('a viewer is told what it was sent, at first each second and later every third, and nothing while it is sent nothing', (t) => {
  let packetCount = 0;
  const { player, sent } = playerOf(() => (packetCount === 0 ? [] : [{ ssrc: 7, rtpTimestamp: 90_000, streamUs: 0, packetCount, octetCount: packetCount * 100 }]));
  const ticked = (packets: number, nowMs: number): number[] => {
    packetCount = packets;
    sent.length = 0;
    player.tick(nowMs);
    return sent.flatMap((packet) => (packet.type === 'senderReport' ? [packet.packetCount] : []));
  };
  t.deepEqual(ticked(0, 0), []);
  t.deepEqual(ticked(30, 1000), [30]);
  t.deepEqual(ticked(60, 2000), [60]);
  t.deepEqual(ticked(60, 3000), []);
  t.deepEqual(ticked(60, 4000), []);
  t.deepEqual(ticked(61, 5000), [61]);
  t.deepEqual(ticked(90, 6000), []);
  t.deepEqual(ticked(120, 7000), []);
  t.deepEqual(ticked(150, 8000), [150]);
});
