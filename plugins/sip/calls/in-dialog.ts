import { messageOf, ProtocolError, WcsError } from 'wcs-core';
import type { CallMedia } from './call-media.ts';
import type { DialogRequest } from './exchange.ts';
import type { SrfDialog, SrfRequest, SrfResponse } from './srf.ts';

const KEY_RELAY = 'application/dtmf-relay';
const KEY_PLAIN = 'application/dtmf';
const MEDIA_CONTROL = 'application/media_control+xml';
const KEY_DURATION_MS = 160;
/** A request for a picture that can be understood by itself. @see RFC 5168 */
const FAST_UPDATE = '<?xml version="1.0" encoding="utf-8"?><media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>';

/** Told what the peer does in a dialog. */
export interface DialogEvents {
  /** The peer has changed what is agreed on for the media. */
  onMedia(): void;
  onKey(key: string): void;
  onRefer(request: SrfRequest, response: SrfResponse): void;
  /** How a transfer that we have asked for goes on: the status in it, and whether nothing more will be told. @see RFC 3515 section 2.4.4 */
  onNotify(statusCode: number | undefined, isLast: boolean): void;
  /** A text of the peer. @see RFC 3428 */
  onText(request: SrfRequest, response: SrfResponse): void;
  onBye(reason: string): void;
  /** What is wrong with a description; for the log. */
  readonly onRefused: (reason: string) => void;
}

/** Answers what the peer asks in a dialog of a call. @see RFC 3261 section 14, RFC 3311, RFC 3515, RFC 5168, RFC 6086 */
export function listenTo(dialog: SrfDialog, media: CallMedia, events: DialogEvents): void {
  dialog.on('destroy', (_bye: unknown, reason: string) => events.onBye(reason));
  dialog.on('modify', (request: SrfRequest, response: SrfResponse) => changeMedia(dialog, media, events, request, response));
  dialog.on('update', (request: SrfRequest, response: SrfResponse) => {
    if (request.body === '') response.send(200);
    else changeMedia(dialog, media, events, request, response);
  });
  dialog.on('ack', (request: SrfRequest) => {
    if (request.body !== '') guarded(events.onRefused, () => media.accept(request.body));
  });
  dialog.on('info', (request: SrfRequest, response: SrfResponse) => response.send(takeInfo(request, media, events)));
  dialog.on('refer', (request: SrfRequest, response: SrfResponse) => events.onRefer(request, response));
  dialog.on('message', (request: SrfRequest, response: SrfResponse) => events.onText(request, response));
  dialog.on('notify', (request: SrfRequest, response: SrfResponse) => {
    if (!/^refer\b/i.test(request.get('event') ?? '')) return response.send(489);
    response.send(200);
    const status = /^SIP\/2\.0 (\d{3})/.exec(request.body)?.[1];
    events.onNotify(status === undefined ? undefined : Number(status), /^terminated\b/i.test(request.get('subscription-state') ?? ''));
  });
}

/** Tells the peer of a pressed key, beside the media. */
export function keyRequest(key: string, form: 'plain' | 'relay'): DialogRequest {
  const body = form === 'plain' ? key : `Signal=${key}\r\nDuration=${KEY_DURATION_MS}\r\n`;
  return { method: 'INFO', headers: { 'Content-Type': form === 'plain' ? KEY_PLAIN : KEY_RELAY }, body };
}

/** Asks the peer for a picture that can be understood by itself. */
export const FAST_UPDATE_REQUEST: DialogRequest = { method: 'INFO', headers: { 'Content-Type': MEDIA_CONTROL }, body: FAST_UPDATE };

function changeMedia(dialog: SrfDialog, media: CallMedia, events: DialogEvents, request: SrfRequest, response: SrfResponse): void {
  // Without an offer we make one, and the answer comes with the ACK.
  const sdp = guarded(events.onRefused, () => (request.body === '' ? media.offer() : media.answer(request.body)));
  if (sdp === undefined) return response.send(488);
  dialog.local.sdp = sdp;
  response.send(200, { body: sdp, headers: { Contact: dialog.local.contact, 'Content-Type': 'application/sdp' } });
  events.onMedia();
}

function takeInfo(request: SrfRequest, media: CallMedia, events: DialogEvents): number {
  const type = (request.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === MEDIA_CONTROL) {
    if (request.body.includes('picture_fast_update')) media.requestKeyFrame();
    return 200;
  }
  const key = type === KEY_RELAY ? /^Signal\s*=\s*([0-9A-D*#])/im.exec(request.body)?.[1] : type === KEY_PLAIN ? /^\s*([0-9A-D*#])/i.exec(request.body)?.[1] : undefined;
  if (key === undefined) return 415;
  events.onKey(key.toUpperCase());
  return 200;
}

/** Undefined, and said, where a description of the peer can't be agreed on. */
export function guarded<T>(onRefused: (reason: string) => void, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof WcsError)) throw error;
    onRefused(messageOf(error));
    return undefined;
  }
}
