import type { PluginSession, WcsError } from 'wcs-core';
import type { AmfValue } from 'wcs-core/formats/amf';
import type { FourCc } from '../session/connect-request.ts';
import type { RelayAddress } from '../session/relay-address.ts';

/** What a relay is to do; plain data. */
export interface RelayOrder {
  /** `publish` pushes a stream of ours to the other server, `play` pulls one of its. */
  readonly role: 'publish' | 'play';
  readonly address: RelayAddress;
  /** As it was given, password included: for the guard of outgoing connections only. */
  readonly url: string;
  /** As it was given, without the password: for replies. */
  readonly shownUrl: string;
  /** The stream on this server. */
  readonly localName: string;
  readonly flashVersion: string;
  /** IP address of who asked: what it may reach, the relay may reach. */
  readonly caller: string | undefined;
  /** What a pull takes of the stream. */
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  /** Whether a pull was asked to be recorded; the recorder does it. */
  readonly record: boolean;
  /** True for what an operation started, which goes on until one ends it; false for what a reader asked for. */
  readonly lasting: boolean;
  /** Handed back in replies. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The way to the other server while it takes or sends the stream. */
export interface MediaLink {
  readonly streamId: number;
  /** Enhanced codecs that the other server can take. */
  readonly fourCcs: readonly FourCc[];
  readonly backlogBytes: number;
  write(bytes: Uint8Array): void;
  /** What is written from here on goes out as one. */
  cork(): void;
  uncork(): void;
}

/** What a relay's media side is given. */
export interface RelayHost {
  readonly session: PluginSession;
  readonly order: RelayOrder;
  /** Media flows: a pull has its first, a push may begin. */
  onFlowing(): void;
  /** The connection is of no use: try another. */
  onBroken(error: WcsError): void;
  /** There is nothing more to relay. */
  onOver(reason: string): void;
}

/** The media side of a relay; a connection may come and go under it. Methods that take bodies throw ProtocolError for what makes no sense. */
export interface RelayMedia {
  /** Facts for replies and lists. */
  readonly facts: RelayFacts;
  /** Waits for what the relay needs on this server. @throws WcsError MEDIA_E_NOT_FOUND, MEDIA_E_NAME_INVALID, MEDIA_E_NAME_IN_USE */
  prepare(signal: AbortSignal): Promise<void>;
  /** The other server takes, or begins to send, the stream. */
  open(link: MediaLink): void;
  audio(timestampMs: number, body: Uint8Array): void;
  video(timestampMs: number, body: Uint8Array): void;
  data(values: readonly AmfValue[]): void;
  /** The connection is gone; `open` may follow. */
  pause(reason: string): void;
  end(reason: string): void;
  /** Plain data for the next version of the plugin. */
  exportState(): unknown;
}

/** What a push does about sound. */
export interface SoundControl {
  setMuted(muted: boolean): void;
  /** Sends the sound of a file instead of the stream's. @throws WcsError ACCESS_E_REFUSED, MEDIA_E_NOT_FOUND, OPERATION_E_INPUT */
  soundOn(file: string, loop: boolean): Promise<void>;
  soundOff(): void;
}

/** What is known of a relay's media. */
export interface RelayFacts {
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** Id of the stream on this server. */
  readonly streamId?: string | undefined;
  readonly muted?: boolean;
  readonly soundEnabled?: boolean;
  /** Tracks that the other server cannot take, e.g. `video: av1`. */
  readonly omitted?: readonly string[];
}

/** Where relays get media from and hand it to; the bridge to the media bus. */
export interface RelayPort {
  /** @param restored state and, where it was running, link of a relay of the previous version */
  push(host: RelayHost, restored?: RestoredMedia): RelayMedia & { readonly sound: SoundControl };
  pull(host: RelayHost, restored?: RestoredMedia): RelayMedia;
}

/** Where the media side of the previous version left off. */
export interface RestoredMedia {
  readonly state: unknown;
  readonly link: MediaLink | undefined;
}
