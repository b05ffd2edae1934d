import type { Attempt } from './authenticated.ts';
import type { SrfAgent, SrfCallOptions, SrfDialog, SrfHeaders, SrfRequest, SrfRequestOptions, SrfResponse } from './srf.ts';

/** How a call of ours ended its first part: with a dialog, or without. */
export interface CallAttempt extends Attempt {
  readonly dialog: SrfDialog | undefined;
}

/** A request in a dialog. */
export type DialogRequest = Pick<SrfRequestOptions, 'method' | 'headers' | 'body'>;

/** Stands for where the other side of a dialog is, which the engine knows. */
const REMOTE_TARGET = 'sip:placeholder';

/**
 * Sends a request, and waits for its final response; a 2xx to an INVITE is acknowledged.
 *
 * @throws what the engine says when it cannot be sent
 */
export function exchange(srf: SrfAgent, uri: string, options: SrfRequestOptions): Promise<Attempt> {
  return new Promise((resolve, reject) => {
    srf.request(uri, options, (error, request) => {
      if (request === undefined) return reject(asError(error));
      request.on('response', (response: SrfResponse, acknowledge: () => void) => {
        if (response.status < 200) return;
        if (response.status < 300) acknowledge();
        resolve({ request, response });
      });
    });
  });
}

/**
 * Sends a request in a dialog as `exchange` does. drachtio-srf's own `Dialog.modify` counts a change that was refused as one that
 * is under way, and holds all later ones back.
 */
export function within({ srf, id }: Pick<SrfDialog, 'srf' | 'id'>, request: DialogRequest): Promise<Attempt> {
  return exchange(srf, REMOTE_TARGET, { ...request, stackDialogId: id });
}

/**
 * Calls somebody and waits for the answer.
 *
 * @param progress told of the request as soon as it has gone out, of each provisional response, and of the dialog at once
 * @throws what the engine says when it cannot be sent
 */
export function call(srf: SrfAgent, uri: string, options: SrfCallOptions, progress: { onSent?(request: SrfRequest): void; onProvisional?(response: SrfResponse): void; onDialog(dialog: SrfDialog): void }): Promise<CallAttempt> {
  return new Promise((resolve, reject) => {
    let sent: SrfRequest | undefined = undefined;
    const callbacks = {
      cbRequest: (_error: unknown, request?: SrfRequest) => {
        sent = request;
        if (request !== undefined) progress.onSent?.(request);
      },
      cbProvisional: (response: SrfResponse) => progress.onProvisional?.(response),
    };
    srf.createUAC(uri, options, callbacks, (error, dialog) => {
      const response = dialog?.res ?? responseOf(error);
      if (sent === undefined || response === undefined) return reject(asError(error));
      if (dialog !== undefined) progress.onDialog(dialog);
      resolve({ request: sent, response, dialog });
    });
  });
}

/** Answers a call; `onDialog` is called before anything of the dialog can come. Rejects when the caller has given up. */
export function answer(request: SrfRequest, response: SrfResponse, localSdp: string, headers: SrfHeaders, onDialog: (dialog: SrfDialog) => void): Promise<SrfDialog> {
  return new Promise((resolve, reject) => {
    request.srf.createUAS(request, response, { localSdp, headers }, (error, dialog) => {
      if (dialog === undefined) return reject(asError(error));
      onDialog(dialog);
      resolve(dialog);
    });
  });
}

/** The response that a call failed with. */
function responseOf(error: unknown): SrfResponse | undefined {
  return typeof error === 'object' && error !== null && 'res' in error ? (error.res as SrfResponse) : undefined;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
