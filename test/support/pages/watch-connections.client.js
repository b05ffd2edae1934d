/**
 * Runs before anything else in a page under test: remembers every RTCPeerConnection, lets the test rewrite answers, and
 * measures from the outside, so that a page with any library is read in the same way.
 */
(() => {
  const Native = window.RTCPeerConnection;
  const connections = [];

  class WatchedConnection extends Native {
    constructor(...args) {
      super(...args);
      const entry = { connection: this, bornMs: performance.now(), firstPictureMs: undefined, connectedMs: undefined };
      connections.push(entry);
      this.addEventListener('connectionstatechange', () => {
        if (this.connectionState === 'connected') entry.connectedMs ??= performance.now() - entry.bornMs;
      });
      this.addEventListener('track', ({ track }) => {
        if (track.kind !== 'video') return;
        const video = document.createElement('video');
        Object.assign(video, { muted: true, autoplay: true, playsInline: true, srcObject: new MediaStream([track]) });
        video.style.cssText = 'width: 64px; position: fixed; bottom: 0';
        document.documentElement.append(video);
        // Not requestVideoFrameCallback: a page that is not in front shows nothing, and still has its picture.
        video.addEventListener('loadeddata', () => (entry.firstPictureMs ??= performance.now() - entry.bornMs));
      });
    }

    async setRemoteDescription(description) {
      if (description.type !== 'answer' || window.rewriteAnswer === undefined) return super.setRemoteDescription(description);
      return super.setRemoteDescription({ type: 'answer', sdp: await window.rewriteAnswer(description.sdp) });
    }
  }
  window.RTCPeerConnection = WatchedConnection;

  async function read({ connection, firstPictureMs, connectedMs }) {
    const report = { state: connection.connectionState, ...(firstPictureMs && { firstPictureMs }), ...(connectedMs && { connectedMs }) };
    const stats = await connection.getStats();
    const codecOf = (id) => stats.get(id)?.mimeType?.split('/')[1];
    for (const entry of stats.values()) {
      if (entry.type === 'inbound-rtp' || entry.type === 'outbound-rtp') {
        const { codecId, id, timestamp, trackIdentifier, ...figures } = entry;
        report[`${entry.type === 'inbound-rtp' ? 'in' : 'out'}${entry.kind === 'video' ? 'Video' : 'Audio'}`] = { ...figures, codec: codecOf(codecId) };
      }
      const pair = entry.type === 'transport' ? stats.get(entry.selectedCandidatePairId) : undefined;
      if (pair !== undefined) {
        const remote = stats.get(pair.remoteCandidateId);
        const local = stats.get(pair.localCandidateId);
        report.pair = { protocol: remote?.protocol, remote: `${remote?.address}:${remote?.port}`, local: `${local?.address}:${local?.port}`, roundTripS: pair.currentRoundTripTime, ...(pair.availableOutgoingBitrate && { availableOutgoingBps: pair.availableOutgoingBitrate }) };
      }
    }
    return report;
  }

  /** Of the connections that are not closed, oldest first. */
  window.readConnections = () => Promise.all(connections.filter(({ connection }) => connection.connectionState !== 'closed').map(read));
})();
