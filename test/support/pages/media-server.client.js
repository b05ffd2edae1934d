/** Stands for the media side of a server in a page of its own: answers offers with a moving picture and a tone. */
const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
const pen = canvas.getContext('2d');
let count = 0;
setInterval(() => {
  pen.fillStyle = `hsl(${count++ % 360} 60% 45%)`;
  pen.fillRect(0, 0, 640, 360);
  pen.fillStyle = 'white';
  pen.font = '80px sans-serif';
  pen.fillText(String(count), 220, 200);
}, 40);
const audio = new AudioContext();
const tone = audio.createOscillator();
const sound = audio.createMediaStreamDestination();
tone.connect(sound);
tone.start();
const tracks = { video: canvas.captureStream(25).getVideoTracks()[0], audio: sound.stream.getAudioTracks()[0] };
const peers = [];

/** Answers an offer. A viewer gets `kinds`; what a publisher sends is taken. */
globalThis.answerOffer = async (sdp, kinds) => {
  const peer = new RTCPeerConnection();
  peers.push(peer);
  await peer.setRemoteDescription({ type: 'offer', sdp });
  for (const transceiver of peer.getTransceivers()) {
    const { kind } = transceiver.receiver.track;
    if (!kinds.includes(kind)) transceiver.stop();
    else if (transceiver.direction === 'recvonly' && /a=recvonly/.test(sdp)) {
      transceiver.direction = 'sendonly';
      await transceiver.sender.replaceTrack(tracks[kind]);
    }
  }
  await peer.setLocalDescription();
  if (peer.iceGatheringState !== 'complete') await new Promise((resolve) => peer.addEventListener('icegatheringstatechange', () => peer.iceGatheringState === 'complete' && resolve()));
  return peer.localDescription.sdp;
};

globalThis.hangUp = () => peers.splice(0).forEach((peer) => peer.close());
globalThis.framesReceived = async () => {
  const stats = await Promise.all(peers.map((peer) => peer.getStats()));
  return stats.flatMap((report) => [...report.values()]).reduce((sum, { type, framesDecoded = 0 }) => sum + (type === 'inbound-rtp' ? framesDecoded : 0), 0);
};
