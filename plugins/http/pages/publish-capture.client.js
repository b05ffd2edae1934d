/** Pictures and sound of this computer: camera, screen, microphone. */

/** Frames a second that are asked for. */
const FRAME_RATE = 30;

/** Why there is no picture or no sound, in words for the person at the screen. */
export class CaptureError extends Error {
  constructor(headline, advice, cause) {
    super(headline, { cause });
    this.advice = advice;
  }
}

/** True when the browser gives devices to this page at all: it does so on encrypted pages, and on localhost. */
export const isCapturable = () => window.isSecureContext && navigator.mediaDevices?.getUserMedia !== undefined;

/** True when the browser can share a screen; those of phones can't. */
export const canShareScreen = () => navigator.mediaDevices?.getDisplayMedia !== undefined;

/** Cameras and microphones. Before the first permission they have neither names nor ids. */
export async function listDevices() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const named = (kind, word) =>
    devices.filter((device) => device.kind === kind).map(({ deviceId, label }, index, all) => ({ id: deviceId, label: label !== '' ? label : all.length > 1 ? `${word} ${index + 1}` : word }));
  return { cameras: named('videoinput', 'Camera'), microphones: named('audioinput', 'Microphone') };
}

/**
 * Takes picture and sound. `picture` is `none`, `screen` or `camera:ID`, `sound` is `none` or `microphone:ID`; an empty
 * ID is the browser's choice. Resolves with the tracks; throws a `CaptureError`.
 */
export async function capture({ picture, sound, height }) {
  const video = videoConstraints(picture, height);
  const audio = sound === 'none' ? false : { deviceId: exactly(sound), echoCancellation: picture !== 'screen' };
  const tracks = [];
  try {
    if (picture === 'screen') tracks.push(...(await shareScreen(video)));
    const wanted = { video: picture === 'screen' ? false : video, audio };
    // One question for both.
    if (wanted.video !== false || wanted.audio !== false) tracks.push(...(await navigator.mediaDevices.getUserMedia(wanted)).getTracks());
  } catch (error) {
    for (const track of tracks) track.stop();
    throw error instanceof CaptureError ? error : captureError(error, devicesOf(picture, sound));
  }
  for (const track of tracks) if (track.kind === 'video') track.contentHint = picture === 'screen' ? 'detail' : 'motion';
  return tracks;
}

/** The size in which a picture is taken; a device that hasn't got it gives the nearest. */
export function videoConstraints(picture, height) {
  if (picture === 'none') return false;
  const size = { width: { ideal: Math.round((height * 16) / 9) }, height: { ideal: height }, frameRate: { ideal: FRAME_RATE } };
  return picture === 'screen' ? size : { ...size, deviceId: exactly(picture) };
}

function exactly(choice) {
  const id = choice.slice(choice.indexOf(':') + 1);
  return id === '' ? undefined : { exact: id };
}

async function shareScreen(video) {
  try {
    return (await navigator.mediaDevices.getDisplayMedia({ video, audio: false })).getTracks();
  } catch (error) {
    throw new CaptureError('No screen is shared', error.name === 'NotAllowedError' ? 'Try again and choose a screen, a window or a tab.' : `The browser says: ${error.message}`, error);
  }
}

const devicesOf = (picture, sound) => [picture.startsWith('camera') ? 'camera' : undefined, sound === 'none' ? undefined : 'microphone'].filter((device) => device !== undefined).join(' and ');

function captureError(error, devices) {
  switch (error.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return new CaptureError(`The browser keeps the ${devices} from this page`, "Allow it where the browser shows the page's permissions (beside the address), then try again.", error);
    case 'NotFoundError':
      return new CaptureError(`There is no ${devices.replace(' and ', ' or no ')}`, 'Connect one, or choose something else to publish.', error);
    case 'OverconstrainedError':
      return new CaptureError('The chosen device is gone', 'Choose another one.', error);
    case 'NotReadableError':
    case 'AbortError':
      return new CaptureError(`The ${devices} can't be used`, 'Another program may be using it. Close that one, then try again.', error);
    default:
      return new CaptureError(`The ${devices} can't be used`, `The browser says: ${error.message}`, error);
  }
}
