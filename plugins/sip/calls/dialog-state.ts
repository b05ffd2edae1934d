import { srfClasses, type SrfAgent, type SrfDialog, type SrfMeta } from './srf.ts';

/** A dialog of drachtio-srf as plain data. */
export interface SrfDialogState {
  readonly id: string;
  readonly type: 'uac' | 'uas';
  /** The INVITE as text, and the answer to it where it was not ours. */
  readonly request: string;
  readonly response: string;
  readonly peer: { readonly address: string; readonly port: number; readonly protocol: string };
  readonly localTag: string;
  readonly local: SrfDialog['local'];
  readonly remote: SrfDialog['remote'];
  readonly onHold: boolean;
}

/** Writes a dialog down, for `importDialog` of the next version; undefined when it is over. */
export function exportDialog(dialog: SrfDialog): SrfDialogState | undefined {
  const { id, type, req, res, sip, local, remote, onHold, connected } = dialog;
  if (!connected || req.raw === undefined) return undefined;
  const peer = { address: req.source_address, port: req.source_port, protocol: req.protocol };
  return { id, type, request: req.raw, response: res.raw ?? '', peer, localTag: sip.localTag, local: { ...local }, remote: { ...remote }, onHold };
}

/**
 * A dialog of this version of the plugin that goes on where another has been. The engine keeps its dialogs under the
 * same ids, so that a BYE, or anything else, finds it from now on.
 */
export function importDialog(srf: SrfAgent, state: SrfDialogState): SrfDialog {
  const { Dialog, SipMessage, SipRequest, SipResponse } = srfClasses;
  const { client } = srf.app;
  const meta = metaOf(state);
  const req = new SipRequest(new SipMessage(state.request), meta);
  const res = new SipResponse(client);
  if (state.response !== '') res.msg = new SipMessage(state.response);
  res.meta = meta;
  res.req = req;
  for (const message of [req, res]) {
    message.agent = client;
    message.socket = client._getDefaultSocket();
  }
  // The answer that we gave is asked for three things only.
  const sent = new SipMessage({ headers: { to: `<sip:localhost>;tag=${state.localTag}`, contact: state.local.contact }, body: state.local.sdp });
  const dialog = new Dialog(srf, state.type, { req, res, sent });
  dialog.local = { ...state.local };
  dialog.remote = { ...state.remote };
  dialog.onHold = state.onHold;
  srf.addDialog(dialog);
  return dialog;
}

function metaOf({ id, type, peer }: SrfDialogState): SrfMeta {
  const source = type === 'uac' ? 'application' : 'network';
  return { source, address: peer.address, port: String(peer.port), protocol: peer.protocol, time: '', transactionId: '', dialogId: id };
}
