/** A minimal browser client of WHIP and WHEP: `whipWhep.publish(url, options)`, `.play(url)`, `.stop()`. */
(() => {
  let connection;
  let resource;

  async function negotiate(url, token) {
    await connection.setLocalDescription();
    const headers = { 'Content-Type': 'application/sdp', ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(url, { method: 'POST', headers, body: connection.localDescription.sdp });
    const body = await response.text();
    if (response.status !== 201) {
      connection.close();
      return { status: response.status, body };
    }
    resource = new URL(response.headers.get('Location'), url).href;
    await connection.setRemoteDescription({ type: 'answer', sdp: body });
    return { status: 201, body };
  }

  /** Puts the named codec first and leaves the others out; retransmission stays. */
  function prefer(transceiver, codec) {
    const { codecs } = RTCRtpSender.getCapabilities('video');
    const chosen = codecs.filter(({ mimeType }) => mimeType === `video/${codec}`);
    if (chosen.length === 0) throw new Error(`This browser cannot send ${codec}`);
    transceiver.setCodecPreferences([...chosen, ...codecs.filter(({ mimeType }) => mimeType === 'video/rtx')]);
  }

  window.whipWhep = {
    async publish(url, { codec, width = 640, height = 360, frameRate = 30, token, encodings } = {}) {
      const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width, height, frameRate } });
      connection = new RTCPeerConnection();
      for (const track of media.getTracks()) {
        const transceiver = connection.addTransceiver(track, { direction: 'sendonly', streams: [media], ...(encodings && track.kind === 'video' && { sendEncodings: encodings }) });
        if (codec !== undefined && track.kind === 'video') prefer(transceiver, codec);
      }
      return negotiate(url, token);
    },
    async play(url, { token } = {}) {
      connection = new RTCPeerConnection();
      connection.addTransceiver('audio', { direction: 'recvonly' });
      connection.addTransceiver('video', { direction: 'recvonly' });
      return negotiate(url, token);
    },
    /** Turns layers on or off, by RID. */
    async activate(active) {
      const sender = connection.getSenders().find(({ track }) => track.kind === 'video');
      const parameters = sender.getParameters();
      for (const encoding of parameters.encodings) encoding.active = active[encoding.rid] ?? encoding.active;
      await sender.setParameters(parameters);
    },
    /** Ends the session by HTTP; gives the status. */
    async stop() {
      const { status } = await fetch(resource, { method: 'DELETE' });
      connection.close();
      return status;
    },
  };
})();
