/**
 * A small SIP application on the engine of the sip plugin, or on a server elsewhere, for tests: who is called decides how it answers, and operations
 * make it call others.
 */
import { definePlugin, type PluginContext, type PluginInstance, type PluginSession } from 'wcs-core';
import { z } from 'zod';
import { withCredentials, type Attempt } from '../../../../plugins/sip/calls/authenticated.ts';
import { connectSrf } from '../../../../plugins/sip/calls/connect-srf.ts';
import { answer, call, exchange, type CallAttempt } from '../../../../plugins/sip/calls/exchange.ts';
import { exportDialog, importDialog, type SrfDialogState } from '../../../../plugins/sip/calls/dialog-state.ts';
import type { SrfAgent, SrfDialog, SrfHandler, SrfHeaders, SrfRequest, SrfResponse } from '../../../../plugins/sip/calls/srf.ts';
import { RESUME_HEADER } from '../../../../plugins/sip/engine/session/uac.ts';
import { DrachtioHosts } from '../../../../plugins/sip/drachtio/client/drachtio-hosts.ts';
import { drachtioSettingsSchema } from '../../../../plugins/sip/drachtio/settings.ts';
import { SipEngine } from '../../../../plugins/sip/engine/server/sip-engine.ts';
import type { SipStack } from '../../../../plugins/sip/engine/sip-stack.ts';
import { engineSettingsSchema } from '../../../../plugins/sip/engine/server/settings.ts';

const settingsSchema = engineSettingsSchema.extend({ drachtio: drachtioSettingsSchema.prefault({}) });
type Settings = z.output<typeof settingsSchema>;

interface AppState {
  readonly engine: unknown;
  readonly dialogs: readonly SrfDialogState[];
  readonly events: readonly string[];
  /** A call of ours that rings: where to, and its transaction. */
  readonly pending: { readonly uri: string; readonly transactionId: string } | undefined;
}

const sdp = (direction = 'sendrecv', version = 1): string =>
  ['v=0', `o=app 1 ${version} IN IP4 127.0.0.1`, 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 31998 RTP/AVP 0 101', 'a=rtpmap:0 PCMU/8000', 'a=rtpmap:101 telephone-event/8000', `a=${direction}`, ''].join('\r\n');

class SipApp implements PluginInstance {
  readonly #ctx: PluginContext<Settings>;
  readonly #engine: SipStack;
  readonly #dialogs = new Map<string, SrfDialog>();
  #events: string[] = [];
  #srf!: SrfAgent;
  /** An INVITE of ours that rings. */
  #pending: SrfRequest | undefined;

  constructor(ctx: PluginContext<Settings>) {
    this.#ctx = ctx;
    const { drachtio, ...engine } = ctx.settings;
    const nowMs = (): number => performance.now();
    this.#engine = drachtio.hosts.length === 0 ? new SipEngine(ctx, engine, nowMs) : new DrachtioHosts(ctx, { settings: drachtio, publicAddress: '', nowMs });
  }

  async prepare(): Promise<void> {
    const handlers: Record<string, SrfHandler> = {
      invite: (request, response) => this.#onInvite(request, response),
      options: (_request, response) => response.send(200),
      message: (request, response) => {
        this.#events.push(`message ${request.body}`);
        response.send(200);
      },
    };
    const [place] = await this.#engine.prepare(Object.keys(handlers));
    this.#srf = await connectSrf(this.#ctx, place!.access, handlers);
    await place!.routed();
    this.#operation('control', z.object({}), () => place!.access);
    this.#register();
  }

  activate(): void {
    this.#engine.start();
  }

  exportSession(session: PluginSession): AppState {
    return { engine: this.#engine.exportSession(session), dialogs: [...this.#dialogs.values()].flatMap((dialog) => exportDialog(dialog) ?? []), events: this.#events, pending: this.#pendingState() };
  }

  importSession(session: PluginSession, data: unknown): void {
    const state = data as AppState;
    this.#events = [...state.events];
    this.#engine.importSession(session, state.engine);
    for (const dialog of state.dialogs) this.#keep(importDialog(this.#srf, dialog));
    if (state.pending !== undefined) this.#dial(state.pending.uri, { [RESUME_HEADER]: state.pending.transactionId });
  }

  #pendingState(): AppState['pending'] {
    return this.#pending === undefined ? undefined : { uri: this.#pending.uri, transactionId: this.#pending.stackTxnId };
  }

  drain(signal: AbortSignal): Promise<void> {
    return this.#engine.drain(signal);
  }

  /** The called user says what happens. */
  #onInvite(request: SrfRequest, response: SrfResponse): void {
    const user = /sips?:([^@;]+)@/.exec(request.uri)?.[1] ?? '';
    request.on('cancel', () => this.#events.push(`cancel ${user}`));
    if (/^\d{3}$/.test(user)) return response.send(Number(user));
    if (user === 'ring') return response.send(180);
    if (user === 'early') return this.#answerEarly(request, response);
    response.send(180);
    // Long enough for a test to do something meanwhile.
    if (user === 'slow') this.#ctx.timers.after(2000, () => this.#answer(request, response));
    else this.#answer(request, response);
  }

  #answer(request: SrfRequest, response: SrfResponse): void {
    answer(request, response, sdp(), {}, (dialog) => this.#keep(dialog)).catch(() => undefined);
  }

  #answerEarly(request: SrfRequest, response: SrfResponse): void {
    const acknowledged = (): void => {
      this.#events.push('prack');
      this.#answer(request, response);
    };
    response.send(183, { body: sdp(), headers: { Require: '100rel' } }, () => undefined, acknowledged);
  }

  #keep(dialog: SrfDialog): SrfDialog {
    this.#dialogs.set(dialog.id, dialog);
    dialog.on('destroy', (_bye: unknown, reason: string) => {
      this.#events.push(`destroy ${reason}`);
      this.#dialogs.delete(dialog.id);
    });
    dialog.on('modify', (request: SrfRequest, response: SrfResponse) => {
      this.#events.push('modify');
      dialog.local.sdp = sdp(request.body.includes('a=sendonly') ? 'recvonly' : 'sendrecv', 2);
      response.send(200, { body: dialog.local.sdp });
    });
    dialog.on('info', (request: SrfRequest, response: SrfResponse) => {
      this.#events.push(`info ${request.body.replaceAll('\r\n', ' ').trim()}`);
      response.send(200);
    });
    dialog.on('notify', (request: SrfRequest, response: SrfResponse) => {
      this.#events.push(`notify ${request.body.trim()}`);
      response.send(200);
    });
    dialog.on('refer', (request: SrfRequest, response: SrfResponse) => this.#onRefer(dialog, request, response));
    return dialog;
  }

  #onRefer(dialog: SrfDialog, request: SrfRequest, response: SrfResponse): void {
    this.#events.push(`refer ${request.get('refer-to') ?? ''}`);
    response.send(202);
    const headers = { Event: 'refer', 'Subscription-State': 'terminated;reason=noresource', 'Content-Type': 'message/sipfrag' };
    this.#ctx.background(dialog.request({ method: 'NOTIFY', headers, body: 'SIP/2.0 200 OK\r\n' }));
  }

  #register(): void {
    const target = z.object({ uri: z.string(), username: z.string().optional(), password: z.string().optional(), headers: z.record(z.string(), z.string()).optional() });
    this.#operation('call', target, (input) => this.#call(input));
    this.#operation('dial', target, (input) => this.#dial(input.uri));
    this.#operation('cancel', z.object({}), () => this.#pending?.cancel());
    this.#operation('hangup', z.object({ id: z.string() }), ({ id }) => this.#hangUp(id));
    this.#operation('modify', z.object({ id: z.string(), direction: z.string() }), ({ id, direction }) => this.#dialog(id).modify(sdp(direction, 3)));
    this.#operation('within', z.object({ id: z.string(), method: z.string(), headers: z.record(z.string(), z.string()).optional(), body: z.string().optional() }), async ({ id, ...request }) => {
      const { headers, body } = request;
      const response = await this.#dialog(id).request({ method: request.method, ...(headers === undefined ? {} : { headers }), ...(body === undefined ? {} : { body }) });
      return response.status;
    });
    this.#operation('request', target.extend({ method: z.string(), body: z.string().optional(), proxy: z.string().optional() }), (input) => this.#request(input));
    this.#operation('events', z.object({}), () => this.#events);
    this.#operation('state', z.object({}), () => ({ ...this.#engine.counts, ...this.#engine.counters, dialogs: [...this.#dialogs.keys()] }));
  }

  #operation<Schema extends z.ZodType>(verb: string, input: Schema, handler: (input: z.output<Schema>) => unknown): void {
    this.#ctx.operations.register({ name: `sipapp.${verb}`, summary: 'A test', role: 'admin', input: input as z.ZodType<z.output<Schema>>, handler });
  }

  #dialog(id: string): SrfDialog {
    const dialog = this.#dialogs.get(id);
    if (dialog === undefined) throw new Error(`No dialog ${id}`);
    return dialog;
  }

  async #hangUp(id: string): Promise<void> {
    const dialog = this.#dialog(id);
    this.#dialogs.delete(id);
    await dialog.destroy();
  }

  /** Calls, with credentials where they are asked for, and answers with the dialog or the status that it ended with. */
  async #call({ uri, username = '', password = '', headers = {} }: { uri: string; username?: string | undefined; password?: string | undefined; headers?: SrfHeaders | undefined }): Promise<unknown> {
    const onProvisional = (response: SrfResponse): void => void this.#events.push(`provisional ${response.status}`);
    const attempt = (added: SrfHeaders): Promise<CallAttempt> => call(this.#srf, uri, { localSdp: sdp(), headers: { ...headers, ...added } }, { onProvisional, onDialog: (dialog) => this.#keep(dialog) });
    const { response, dialog } = await withCredentials('INVITE', { username, password }, attempt);
    return dialog === undefined ? { status: response.status } : { status: 200, id: dialog.id, sdp: dialog.remote.sdp };
  }

  /** Begins a call and does not wait for its end. */
  #dial(uri: string, headers: SrfHeaders = {}): void {
    const onSent = (request: SrfRequest): void => void (this.#pending = request);
    const onProvisional = (response: SrfResponse): void => void this.#events.push(`provisional ${response.status}`);
    const dialled = call(this.#srf, uri, { localSdp: sdp(), headers }, { onSent, onProvisional, onDialog: (dialog) => this.#keep(dialog) });
    this.#ctx.background(
      dialled.then(({ dialog, response }) => {
        this.#pending = undefined;
        if (dialog === undefined) this.#events.push(`failed ${response.status}`);
      }),
    );
  }

  async #request({ method, uri, username = '', password = '', headers = {}, body, proxy }: { method: string; uri: string; username?: string | undefined; password?: string | undefined; headers?: SrfHeaders | undefined; body?: string | undefined; proxy?: string | undefined }): Promise<unknown> {
    let attempts = 0;
    const attempt = (added: SrfHeaders): Promise<Attempt> => {
      attempts++;
      return exchange(this.#srf, uri, { method, headers: { ...headers, ...added }, ...(body === undefined ? {} : { body }), ...(proxy === undefined ? {} : { proxy }) });
    };
    const { response } = await withCredentials(method, { username, password }, attempt);
    return { status: response.status, attempts, contact: response.get('contact') };
  }
}

export default definePlugin({
  manifest: { name: 'sipapp', version: '1.0.0', apiVersion: '^1.0.0', handoff: 1 },
  configSchema: settingsSchema,
  create: (ctx) => new SipApp(ctx),
});
