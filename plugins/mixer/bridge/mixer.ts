import { messageOf, WcsError, type PluginContext, type PluginSession, type Publication, type Stream } from 'wcs-core';
import type { Job, ChildPool } from 'wcs-core/process/child-pool';
import type { JobEnd } from 'wcs-core/process/child';
import { LAST_PORT, type JobPacket } from 'wcs-core/process/framing';
import { PortNumbers } from 'wcs-core/process/port-numbers';
import type { LayoutFolders } from '../server/layout-folder.ts';
import { specOf, type InputOrder, type MixerOrder } from '../server/mixer-order.ts';
import type { MixerSettings } from '../settings.ts';
import { LAST_INPUT, OUTPUT_PORT, type MixCommand, type MixEvent, type MixFormat } from '../wire/mix-job.ts';
import type { LayoutSpec } from '../layout/layout.ts';
import { InputFeed } from './mix-input.ts';
import { MixOutput, type OutputPorts, type OutputState } from './mix-output.ts';
import type { Pictures } from './pictures.ts';

/** A child that died is replaced after this long, twice as long each time until it has lived for a while. */
const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 10_000;
const LIVED_MS = 30_000;

/** A mixer as plain data, for the next version of the plugin. */
export interface MixerState {
  readonly order: MixerOrder;
  readonly inputs: readonly (InputOrder & { readonly port: number })[];
  /** In the order of the session's publications; `without` names the stream whose participant hears it. */
  readonly outputs: readonly (OutputState & { readonly without: string | undefined })[];
  /** Time of the outputs' clock at a monotonic time. */
  readonly clock: Clock;
  readonly idleSinceMs: number | undefined;
}

interface Clock {
  readonly us: number;
  readonly atMs: number;
}

interface MixerInput {
  order: InputOrder;
  readonly port: number;
  readonly stream: Stream;
  feed: InputFeed | undefined;
  /** Counts changes of what stands on its place: of two whose files are being read, the later one counts. */
  decorations: number;
}

/** What every mixer is given. */
export interface MixerServices {
  readonly ctx: PluginContext<MixerSettings>;
  readonly pool: ChildPool;
  readonly pictures: Pictures;
  readonly layouts: LayoutFolders;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  onClosed(mixer: Mixer): void;
}

/** One mixer: streams in, a child process that mixes, streams out. The child may die and come back; readers stay. */
export class Mixer {
  readonly session: PluginSession;
  readonly #services: MixerServices;
  readonly #inputs = new Map<string, MixerInput>();
  readonly #outputs: { readonly output: MixOutput; readonly without: string | undefined }[] = [];
  /** As the child that works now has told them. */
  #formats = new Map<number, MixFormat>();
  /** Ports whose packets are those of the sound of all. */
  readonly #followers = new Set<number>();
  #order: MixerOrder;
  #job: Job | undefined;
  #jobSinceMs = 0;
  #restartMs = RESTART_MIN_MS;
  #clock: Clock;
  readonly #inputPorts = new PortNumbers(1, LAST_INPUT);
  readonly #ownPorts = new PortNumbers(OUTPUT_PORT.firstOwn, LAST_PORT);
  /** Counts changes of what stands behind and over all places. */
  #stages = 0;
  #idleSinceMs: number | undefined;
  /** Ends the watch over the folder of layouts. */
  #unwatch: (() => Promise<void>) | undefined;

  /**
   * @param state of a mixer of the previous version
   * @throws WcsError MEDIA_E_NAME_IN_USE
   */
  constructor(services: MixerServices, session: PluginSession, order: MixerOrder, state?: MixerState) {
    this.#services = services;
    this.session = session;
    this.#order = order;
    this.#clock = state?.clock ?? { us: 0, atMs: services.nowMs() };
    this.#idleSinceMs = state === undefined ? services.nowMs() : state.idleSinceMs;
    session.scope.add('mixer', async () => {
      this.#job?.close();
      services.onClosed(this);
      await this.#unwatch?.();
    });
    session.onGoodbye = (reason) => this.#endOutputs(reason);
    session.entry.update({ role: 'publish', state: 'PROCESSED_LOCAL', streamName: order.streamName, info: { uri: order.uri } });
    if (state === undefined) this.#openOutput(order.streamName, undefined);
    else this.#restore(state);
    this.#openJob();
    this.#watchLayouts();
  }

  get order(): MixerOrder {
    return this.#order;
  }

  get inputs(): readonly InputOrder[] {
    return [...this.#inputs.values()].map(({ order }) => order);
  }

  /** Id of the stream that it makes. */
  get streamId(): string | undefined {
    return this.#outputs[0]?.output.publication.stream.id;
  }

  /** Milliseconds without any input. */
  idleMs(nowMs: number): number {
    return this.#idleSinceMs === undefined ? 0 : nowMs - this.#idleSinceMs;
  }

  /** @throws WcsError OPERATION_E_CONFLICT when it is in the mix, NET_E_PORT_EXHAUSTED when there are too many */
  add(order: InputOrder, stream: Stream): void {
    const { maxInputs } = this.#services.ctx.settings;
    if (this.#inputs.has(order.streamName)) throw new WcsError('OPERATION_E_CONFLICT', `${order.streamName} is in ${this.#order.uri} already.`);
    if (this.#inputs.size >= maxInputs) throw new WcsError('NET_E_PORT_EXHAUSTED', `${this.#order.uri} has ${maxInputs} inputs; raise plugins.mixer.maxInputs.`);
    const port = this.#inputPorts.next((number) => [...this.#inputs.values()].some((other) => other.port === number));
    const input: MixerInput = { order, port, stream, feed: undefined, decorations: 0 };
    this.#inputs.set(order.streamName, input);
    this.#idleSinceMs = undefined;
    if (order.ownStreamName !== undefined) this.#openOutput(order.ownStreamName, order.streamName);
    this.#feed(input);
  }

  /** False when it is not in the mix. */
  remove(streamName: string): boolean {
    const input = this.#inputs.get(streamName);
    if (input === undefined) return false;
    this.#inputs.delete(streamName);
    input.feed?.close();
    this.#command({ type: 'removeInput', id: streamName });
    for (const { output } of this.#outputs.filter(({ without }) => without === streamName)) {
      this.#removeOwn(output.ports);
      output.publication.end('Stopped by publisher stop');
    }
    this.#outputs.splice(0, this.#outputs.length, ...this.#outputs.filter(({ without }) => without !== streamName));
    if (this.#inputs.size === 0) this.#idleSinceMs = this.#services.nowMs();
    return true;
  }

  /** Changes what is heard and seen of an input; false when it is not in the mix. */
  change(streamName: string, change: Partial<Pick<InputOrder, 'gain' | 'videoMuted'>>): boolean {
    const input = this.#inputs.get(streamName);
    if (input === undefined) return false;
    input.order = { ...input.order, ...change };
    this.#command({ type: 'change', id: streamName, change });
    return true;
  }

  /** @param folder that it comes from, and follows */
  setLayout(layout: LayoutSpec, folder?: string): void {
    const { settings } = this.#order;
    // The usual one, which comes back when a folder is given up.
    const usual = layout.type === 'custom' ? settings : { ...settings, layout: layout.type };
    this.#order = { ...this.#order, settings: usual, layout, layoutFolder: folder };
    this.#command({ type: 'layout', layout });
    this.#watchLayouts();
  }

  /** Changes what stands on an input's place; false when it is not in the mix. */
  decorate(streamName: string, change: Partial<Pick<InputOrder, 'label' | 'avatar' | 'avatarCaller' | 'watermark'>>): boolean {
    const input = this.#inputs.get(streamName);
    if (input === undefined) return false;
    input.order = { ...input.order, ...change };
    this.#decorate(input);
    return true;
  }

  /** Changes what stands behind all places, and over them. */
  setStage(change: Partial<Pick<MixerOrder, 'background' | 'watermark'>>): void {
    this.#order = { ...this.#order, ...change };
    this.#setStage();
  }

  exportState(): MixerState {
    const nowMs = this.#services.nowMs();
    return {
      order: this.#order,
      inputs: [...this.#inputs.values()].map(({ order, port }) => ({ ...order, port })),
      outputs: this.#outputs.map(({ output, without }) => ({ ...output.exportState(), without })),
      clock: { us: this.#timeUs(nowMs), atMs: nowMs },
      idleSinceMs: this.#idleSinceMs,
    };
  }

  #restore(state: MixerState): void {
    const { ctx } = this.#services;
    state.outputs.forEach(({ without, ...output }, index) => {
      const publication = this.session.publications[index];
      if (publication === undefined) throw new WcsError('INTERNAL_E_FAULT', `A stream of ${state.order.uri} was not handed over.`);
      publication.setCallbacks(this.#callbacks(output.ports));
      this.#outputs.push({ output: new MixOutput(publication, output.ports, output), without });
    });
    for (const { port, ...order } of state.inputs) {
      const stream = ctx.media.find(order.streamName);
      if (stream !== undefined) this.#inputs.set(order.streamName, { order, port, stream, feed: undefined, decorations: 0 });
    }
  }

  /** @param without the stream whose participant hears it; undefined for the mix of all */
  #openOutput(streamName: string, without: string | undefined): void {
    const { uri } = this.#order;
    const ports = this.#portsFor(without);
    const meta = { plugin: 'mixer', protocol: 'mixer', sessionId: this.session.id, params: {} };
    const publication: Publication = this.session.publish({ name: streamName, owner: uri, meta, ...this.#callbacks(ports) });
    this.#outputs.push({ output: new MixOutput(publication, ports), without });
    if (without === undefined) return;
    this.#addOwn(ports, without);
    // The new stream learns the format of the picture with the next key frame of a new child only: it is told what is known.
    this.#repeatFormats();
    if (ports.video !== undefined) this.#command({ type: 'keyFrame', port: ports.video });
  }

  /** What a stream is made of: for a participant sound and picture without the own, where the settings want that. */
  #portsFor(without: string | undefined): OutputPorts {
    const { hasVideo, hasAudio, settings } = this.#order;
    const nextOwn = (): number => this.#ownPorts.next((port) => this.#isUsed(port));
    const audio = without !== undefined && settings.mcuAudio ? nextOwn() : OUTPUT_PORT.audio;
    const video = without !== undefined && settings.mcuVideo ? nextOwn() : OUTPUT_PORT.video;
    return { video: hasVideo ? video : undefined, audio: hasAudio ? audio : undefined };
  }

  #isUsed(port: number): boolean {
    return this.#outputs.some(({ output: { ports } }) => port === ports.audio || port === ports.video);
  }

  #addOwn({ video, audio }: OutputPorts, without: string): void {
    if (audio !== undefined && audio !== OUTPUT_PORT.audio) this.#command({ type: 'addSound', port: audio, without });
    if (video !== undefined && video !== OUTPUT_PORT.video) this.#command({ type: 'addPicture', port: video, without });
  }

  #removeOwn({ video, audio }: OutputPorts): void {
    if (audio !== undefined && audio !== OUTPUT_PORT.audio) {
      this.#command({ type: 'removeSound', port: audio });
      this.#followers.delete(audio);
      this.#formats.delete(audio);
    }
    if (video !== undefined && video !== OUTPUT_PORT.video) {
      this.#command({ type: 'removePicture', port: video });
      this.#formats.delete(video);
    }
  }

  #repeatFormats(): void {
    const last = this.#outputs.at(-1)?.output;
    for (const [port, format] of this.#formats) last?.onFormat(port, format);
  }

  #callbacks({ video }: OutputPorts) {
    return {
      onKeyFrameRequest: (): void => {
        if (video !== undefined) this.#command({ type: 'keyFrame', port: video });
      },
      onTerminate: (reason: string): void => this.session.close(reason),
    };
  }

  #openJob(): void {
    const { ctx, pool, nowMs } = this.#services;
    this.#jobSinceMs = nowMs();
    this.#formats = new Map();
    this.#followers.clear();
    this.#job = pool.open(specOf(this.#order, ctx.settings.captionFont, this.#timeUs(this.#jobSinceMs)), {
      onPacket: (packet) => this.#onPacket(packet),
      onEvent: (event) => this.#onEvent(event as MixEvent),
      onEnd: (end) => this.#onJobEnd(end),
    }, { alone: true });
    for (const { output, without } of this.#outputs) if (without !== undefined) this.#addOwn(output.ports, without);
    if (this.#order.background !== undefined || this.#order.watermark !== undefined) this.#setStage();
    for (const input of this.#inputs.values()) this.#feed(input);
  }

  #setStage(): void {
    const { ctx, pictures } = this.#services;
    const [number, job] = [++this.#stages, this.#job];
    ctx.background(pictures.ofStage(this.#order, this.session.log).then((stage) => {
      if (number === this.#stages && job === this.#job) this.#command({ type: 'stage', stage });
    }));
  }

  #watchLayouts(): void {
    const { ctx, layouts } = this.#services;
    const before = this.#unwatch;
    if (before !== undefined) ctx.background(before());
    const folder = this.#order.layoutFolder;
    this.#unwatch = folder === undefined ? undefined : layouts.watch(folder, () => ctx.background(this.#readLayouts(folder)), (ms, work) => (this.session.closed ? () => undefined : this.session.timers.after(ms, work)));
  }

  /** A folder that has become unusable changes nothing. */
  async #readLayouts(folder: string): Promise<void> {
    try {
      const places = await this.#services.layouts.read(folder);
      if (this.session.closed || this.#order.layoutFolder !== folder) return;
      this.#order = { ...this.#order, layout: { type: 'custom', places } };
      this.#command({ type: 'layout', layout: this.#order.layout });
    } catch (error) {
      this.session.log.warn('Layouts have changed to what is none; the old ones stay', { folder, reason: messageOf(error) });
    }
  }

  #decorate(input: MixerInput): void {
    const { ctx, pictures } = this.#services;
    const { order } = input;
    const job = this.#job;
    const number = ++input.decorations;
    const label = order.label ?? (this.#order.settings.displayStreamNames ? order.streamName : undefined);
    ctx.background(pictures.ofInput(order, this.session.log).then((files) => {
      const isCurrent = number === input.decorations && job === this.#job && this.#inputs.get(order.streamName) === input;
      if (isCurrent) this.#command({ type: 'decorate', id: order.streamName, decoration: { ...files, label } });
    }));
  }

  #feed(input: MixerInput): void {
    const job = this.#job;
    input.feed?.close();
    if (job === undefined) return;
    const { streamName, hasAudio, hasVideo, positionId, gain, videoMuted } = input.order;
    this.#command({ type: 'addInput', id: streamName, port: input.port, name: streamName, positionId });
    this.#command({ type: 'change', id: streamName, change: { gain, videoMuted } });
    const isDecorated = [input.order.label, input.order.avatar, input.order.watermark].some((part) => part !== undefined);
    if (isDecorated || this.#order.settings.displayStreamNames) this.#decorate(input);
    const kinds = [...(hasVideo && this.#order.hasVideo ? ['video' as const] : []), ...(hasAudio && this.#order.hasAudio ? ['audio' as const] : [])];
    input.feed = new InputFeed({ session: this.session, stream: input.stream, job, id: streamName, port: input.port, kinds, onEnd: () => void this.remove(streamName) });
  }

  #onPacket(packet: JobPacket): void {
    for (const { output } of this.#outputs) {
      const { video, audio } = output.ports;
      if (packet.port === video || packet.port === audio) output.onPacket(packet, packet.port);
      else if (packet.port === OUTPUT_PORT.audio && audio !== undefined && this.#followers.has(audio)) output.onPacket(packet, audio);
    }
  }

  #onEvent(event: MixEvent): void {
    if (event.type === 'trouble') {
      this.session.log.warn('A mix goes on without a picture or a caption', { uri: this.#order.uri, reason: event.reason });
      return;
    }
    const { port } = event;
    // Told before the child heard that this participant has left.
    if (port >= OUTPUT_PORT.firstOwn && !this.#isUsed(port)) return;
    if (event.type === 'follows') {
      if (event.follows) this.#followers.add(port);
      else this.#followers.delete(port);
      return;
    }
    const { format } = event;
    this.#formats.set(port, format);
    for (const { output } of this.#outputs) output.onFormat(port, format);
  }

  #onJobEnd({ type, reason }: JobEnd): void {
    this.#job = undefined;
    if (this.session.closed) return;
    if (type === 'failed') {
      this.session.log.error('The mixer cannot work', { uri: this.#order.uri, reason });
      this.session.close(reason);
      return;
    }
    const { nowMs } = this.#services;
    this.#restartMs = nowMs() - this.#jobSinceMs > LIVED_MS ? RESTART_MIN_MS : Math.min(RESTART_MAX_MS, this.#restartMs * 2);
    this.session.log.warn('The child process of a mixer has died; another one goes on', { uri: this.#order.uri, reason, inMs: this.#restartMs });
    this.session.timers.after(this.#restartMs, () => this.#openJob());
  }

  #command(command: MixCommand): void {
    this.#job?.command(command);
  }

  #timeUs(nowMs: number): number {
    return Math.round(this.#clock.us + (nowMs - this.#clock.atMs) * 1000);
  }

  #endOutputs(reason: string): void {
    for (const { output } of this.#outputs) output.publication.end(reason);
  }
}
