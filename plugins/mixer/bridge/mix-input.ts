import { kindOfCodec, type Codec, type MediaFrame, type PluginSession, type Stream, type Subscription, type TrackDescriptor } from 'wcs-core';
import { DECODERS } from 'wcs-core/process/av/codec-names';
import type { Job } from 'wcs-core/process/child-pool';
import { wallStampMs } from 'wcs-core/process/framing';
import { inputPort, type InputTrack, type MixCommand } from '../wire/mix-job.ts';

/** A child that is this far behind gets no pictures until the next key frame. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;

const CODECS = Object.keys(DECODERS) as Codec[];
const ACCEPTED = {
  audio: CODECS.filter((codec) => kindOfCodec(codec) === 'audio'),
  video: CODECS.filter((codec) => kindOfCodec(codec) === 'video'),
} as const;

/** What a feed works with. */
export interface FeedOptions {
  readonly session: PluginSession;
  readonly stream: Stream;
  readonly job: Job;
  readonly id: string;
  readonly port: number;
  readonly kinds: readonly ('audio' | 'video')[];
  /** The stream has ended. */
  onEnd(): void;
}

/** A stream on its way into a mix: the cached pictures first, sound from now on. */
export class InputFeed {
  readonly #options: FeedOptions;
  readonly #subscriptions: Subscription[] = [];
  #skipsToKey = false;
  #ended = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    for (const kind of options.kinds) this.#subscribe(kind);
  }

  close(): void {
    this.#ended = true;
    for (const subscription of this.#subscriptions) subscription.close();
  }

  #subscribe(kind: 'audio' | 'video'): void {
    const { session, stream, id } = this.#options;
    let known: TrackDescriptor | undefined;
    const subscription = session.subscribe(stream, {
      plane: 'frames',
      from: kind === 'video' ? 'gop' : 'live',
      accept: [{ kind, codecs: ACCEPTED[kind] }],
      onMismatch: 'omit',
      label: `mixer ${id}`,
      sink: {
        onTracks: (tracks) => {
          const track = tracks.find((candidate) => candidate.kind === kind);
          if (track === known) return;
          known = track;
          this.#command({ type: 'track', id, kind, track: track === undefined ? undefined : inputTrackOf(track) });
        },
        onFrame: (frame) => this.#send(kind, frame),
        onEnd: () => this.#onEnd(),
      },
    });
    this.#subscriptions.push(subscription);
  }

  #send(kind: 'audio' | 'video', { ptsUs, dtsUs, key, data, discontinuity }: MediaFrame): void {
    const { job, port } = this.#options;
    if (kind === 'video') {
      if (job.backlogBytes > MAX_BACKLOG_BYTES) this.#skipsToKey = true;
      if (this.#skipsToKey && !key) return;
      this.#skipsToKey = false;
    }
    job.send({ port: inputPort(port, kind), key, ptsUs, dtsUs, stampMs: wallStampMs(), data, ...(discontinuity === true ? { discontinuity } : {}) });
  }

  #command(command: MixCommand): void {
    this.#options.job.command(command);
  }

  #onEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onEnd();
  }
}

function inputTrackOf({ codec, codecConfig, sampleRateHz, channels }: TrackDescriptor): InputTrack {
  return {
    codec,
    ...(codecConfig === undefined ? {} : { codecConfig: Buffer.from(codecConfig).toString('base64') }),
    ...(sampleRateHz === undefined ? {} : { sampleRateHz }),
    ...(channels === undefined ? {} : { channels }),
  };
}
