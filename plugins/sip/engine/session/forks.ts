import type { SipRequest, SipResponse } from '../wire/sip-message.ts';
import type { DialogTable } from './dialog-table.ts';
import { dialogOfResponse, tagOf, type Dialog } from './dialog.ts';

/** A request of ours that may make dialogs: an INVITE or SUBSCRIBE, when `dialogId` is empty. */
interface Forming {
  readonly request: SipRequest;
  readonly dialogId: string;
}

/** The dialog of a response: that of the request, or the one that this response makes. @see RFC 3261 section 12.1 */
export function dialogOfAnswer(dialogs: DialogTable, { request, dialogId }: Forming, response: SipResponse): Dialog | undefined {
  if (dialogId !== '') return dialogs.byId(dialogId);
  const remoteTag = tagOf(response.headers.get('To'));
  const forms = request.method === 'INVITE' || (request.method === 'SUBSCRIBE' && response.status >= 200);
  if (!forms || response.status >= 300 || remoteTag === '') return undefined;
  const [callId, localTag] = [request.headers.get('Call-ID') ?? '', tagOf(request.headers.get('From'))];
  const known = dialogs.byTags(callId, localTag, remoteTag);
  if (known !== undefined && (known.facts.phase === 'confirmed' || response.status < 200)) return known;
  // The 2xx says last where the other side is; what was sent meanwhile keeps its numbers.
  const facts = dialogOfResponse(request, response, known?.facts.id ?? dialogs.freeId(callId, localTag, remoteTag));
  if (known !== undefined) {
    [facts.localSeq, facts.remoteSeq] = [known.facts.localSeq, known.facts.remoteSeq];
    dialogs.remove(known);
  }
  return dialogs.add(facts);
}

/** Forgets the early dialogs of an INVITE that are not the chosen one: somebody else has answered, or nobody. */
export function dropOtherForks(dialogs: DialogTable, { request, dialogId }: Forming, chosen: Dialog | undefined): void {
  if (dialogId !== '') return;
  const [callId, localTag] = [request.headers.get('Call-ID') ?? '', tagOf(request.headers.get('From'))];
  for (const dialog of dialogs.ofCall(callId)) {
    if (dialog !== chosen && dialog.facts.phase === 'early' && dialog.facts.role === 'uac' && dialog.facts.localTag === localTag) dialogs.remove(dialog);
  }
}
