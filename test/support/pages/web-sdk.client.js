/**
 * Drives the unmodified Web SDK and writes down what it tells: `webSdk.connect(url)`, `.publish(name)`, `.play(name)` …
 * Events stand in `webSdk.log` as `session ESTABLISHED`, `stream NAME PUBLISHING`, `stream NAME FAILED: Stream not found`.
 */
(() => {
  const sdk = window.Flashphoner;
  const log = [];
  const streams = new Map();
  const received = [];
  let session;

  const note = (text) => void log.push(text);
  const errorText = (error) => error?.info ?? error?.message ?? JSON.stringify(error) ?? String(error);

  function watch(stream, label) {
    const statuses = sdk.constants.STREAM_STATUS;
    for (const status of Object.values(statuses)) {
      stream.on(status, () => {
        const info = stream.getInfo?.();
        note(`stream ${label} ${status}${info ? `: ${info}` : ''}`);
      });
    }
    stream.on(sdk.constants.STREAM_EVENT, (event) => {
      received.push({ stream: label, type: event.type, payload: event.payload });
      note(`event ${label} ${event.type}`);
    });
    streams.set(label, stream);
    return stream;
  }

  window.webSdk = {
    log,
    received,
    init(options = {}) {
      sdk.init(options);
    },
    /** Resolves with the session's first state that is more than a connected socket. */
    connect(urlServer, options = {}) {
      return new Promise((resolve) => {
        session = sdk.createSession({ urlServer, ...options });
        for (const status of ['CONNECTED', 'ESTABLISHED', 'DISCONNECTED', 'FAILED', 'WARN']) {
          session.on(sdk.constants.SESSION_STATUS[status], (told) => {
            note(`session ${status}`);
            if (status !== 'CONNECTED') resolve({ status, authToken: told?.authToken });
          });
        }
        session.on(sdk.constants.SESSION_STATUS.APP_DATA, (data) => void received.push({ type: 'APP_DATA', payload: data.payload }));
      });
    },
    publish(name, options = {}) {
      const constraints = { audio: true, video: { width: 640, height: 360, frameRate: 30 } };
      watch(session.createStream({ name, display: document.getElementById('display'), cacheLocalResources: true, constraints, ...options }), name).publish();
    },
    play(name, options = {}) {
      watch(session.createStream({ name, display: document.getElementById('display'), ...options }), name).play();
    },
    stop(name) {
      streams.get(name).stop();
    },
    /** Name of the file that the stream was recorded to. */
    recordInfo(name) {
      return streams.get(name).getRecordInfo();
    },
    sendToStream(name, payload) {
      streams.get(name).sendData(payload);
    },
    mute(name, kind) {
      streams.get(name)[kind === 'audio' ? 'muteAudio' : 'muteVideo']();
    },
    available(name) {
      return new Promise((resolve) => {
        const stream = session.createStream({ name, display: document.getElementById('display') });
        stream.available().then(
          () => resolve(true),
          () => resolve(false),
        );
      });
    },
    sendData(payload) {
      return session.sendData(payload).then(
        () => 'ACCEPTED',
        (error) => `FAILED: ${errorText(error)}`,
      );
    },
    /** A picture of the stream: PNG in base64. */
    snapshot(name) {
      return new Promise((resolve) => {
        const stream = session.createStream({ name, display: document.getElementById('display') });
        const types = sdk.constants.STREAM_EVENT_TYPE;
        stream.on(sdk.constants.STREAM_EVENT, ({ type, payload }) => {
          if (type === types.SNAPSHOT_COMPLETED) resolve(payload.snapshot);
          else if (type === types.SNAPSHOT_FAILED) resolve(`FAILED: ${payload.info}`);
        });
        stream.snapshot();
      });
    },
    disconnect() {
      session.disconnect();
    },
    /** State of the player of an MSE stream. */
    playback() {
      const video = [...document.querySelectorAll('#display video')].find((element) => element.readyState > 0);
      return video === undefined ? undefined : { currentTime: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, width: video.videoWidth, height: video.videoHeight };
    },
  };
})();
