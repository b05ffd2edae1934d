/** A member of a room by the unmodified Room API: `room.enter(url, login, name)`, then what it was told stands in `room.log`. */
(() => {
  const log = [];
  const display = () => document.getElementById('display').appendChild(document.createElement('div'));
  let session;
  let room;

  const name = (participant) => participant.name();
  window.room = {
    log,
    enter(urlServer, username, roomName) {
      window.RoomApi.sdk.init({});
      return new Promise((resolve) => {
        session = window.RoomApi.connect({ urlServer, username });
        session.on('FAILED', () => resolve('FAILED')).on('ESTABLISHED', () => {
          room = session.join({ name: roomName });
          room.on('STATE', () => {
            const others = room.getParticipants().map(name).sort();
            log.push(`state ${others.join(',')}`);
            resolve(others);
          });
          room.on('JOINED', (participant) => log.push(`joined ${name(participant)}`));
          room.on('LEFT', (participant) => log.push(`left ${name(participant)}`));
          room.on('PUBLISHED', (participant) => log.push(`published ${name(participant)}`));
          room.on('MESSAGE', ({ from, text }) => log.push(`message ${typeof from === 'string' ? from : name(from)}: ${text}`));
          room.on('FAILED', (_room, info) => resolve(`FAILED ${info ?? ''}`));
        });
      });
    },
    publish() {
      return new Promise((resolve) => {
        const stream = room.publish({ display: display(), constraints: { audio: true, video: { width: 320, height: 180 } } });
        stream.on('PUBLISHING', () => resolve('PUBLISHING')).on('FAILED', (failed) => resolve(`FAILED ${failed.getInfo()}`));
      });
    },
    /** Plays the first stream of a participant. */
    play(login) {
      return new Promise((resolve) => {
        const participant = room.getParticipants().find((one) => one.name() === login);
        const stream = participant.getStreams()[0].play(display());
        stream.on('PLAYING', () => resolve('PLAYING')).on('FAILED', (failed) => resolve(`FAILED ${failed.getInfo()}`));
      });
    },
    say(login, text) {
      room.getParticipants().find((one) => one.name() === login).sendMessage(text);
    },
    leave() {
      return room.leave().then(() => session.disconnect());
    },
    disconnect() {
      session.disconnect();
    },
  };
})();
