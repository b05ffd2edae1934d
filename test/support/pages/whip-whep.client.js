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
    /** The loudest frequency (Hz) of the sound that comes, and its level (dBFS) in the spectrum. */
    async listen() {
      const { track } = connection.getReceivers().find((receiver) => receiver.track.kind === 'audio');
      const stream = new MediaStream([track]);
      // Chromium decodes a remote track for an element only.
      const element = Object.assign(new Audio(), { srcObject: stream });
      await element.play();
      const context = new AudioContext({ sampleRate: 48000 });
      await context.resume();
      const analyser = Object.assign(context.createAnalyser(), { fftSize: 32768, smoothingTimeConstant: 0 });
      context.createMediaStreamSource(stream).connect(analyser);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      let top = 1;
      for (let bin = 2; bin < bins.length - 1; bin++) if (bins[bin] > bins[top]) top = bin;
      await context.close();
      return { frequencyHz: (top * context.sampleRate) / analyser.fftSize, level: bins[top] };
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
