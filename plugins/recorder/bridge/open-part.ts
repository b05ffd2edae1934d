import { messageOf, type Log } from 'wcs-core';
import { newTicket, type RecordStore } from '../server/record-store.ts';
import type { PartTicket } from '../server/journal.ts';
import type { PartDesk } from '../server/part-desk.ts';
import type { PartFile, PartFileState } from '../server/part-file.ts';
import type { PartFacts } from '../session/recording.ts';
import type { NameFacts } from '../wire/file-name.ts';

/** A file in the making, as plain data. */
export interface OpenPartState {
  readonly ticket: PartTicket;
  readonly file: PartFileState;
}

/** What of a name isn't told by the media. */
export type PublisherFacts = Pick<NameFacts, 'streamName' | 'mediaSessionId' | 'sessionId' | 'login'>;

/** How the files of a recording are named. */
export interface NamingWish {
  readonly template: string;
  readonly overwrite: boolean;
}

/** The file that a recording is writing, with its ticket. */
export class OpenPart {
  readonly ticket: PartTicket;
  readonly file: PartFile;
  readonly #desk: PartDesk;

  private constructor(desk: PartDesk, ticket: PartTicket, file: PartFile) {
    this.#desk = desk;
    this.ticket = ticket;
    this.file = file;
  }

  static begin(desk: PartDesk, { container, tracks, startUs }: PartFacts, publisher: PublisherFacts, naming: NamingWish, onError: (error: unknown) => void): OpenPart {
    const codecOf = (kind: string): string => tracks.find(({ format }) => format.kind === kind)?.format.codec ?? 'none';
    const ticket = newTicket({
      ...naming,
      container,
      facts: { ...publisher, videoCodec: codecOf('video'), audioCodec: codecOf('audio'), startTimeMs: startUs / 1000, startTimeMillis: Date.now() },
    });
    return new OpenPart(desk, ticket, desk.open(ticket, onError));
  }

  static resume(desk: PartDesk, { ticket, file }: OpenPartState, onError: (error: unknown) => void): OpenPart {
    return new OpenPart(desk, ticket, desk.adopt(file, onError));
  }

  /** The file is complete, or as complete as it is going to be. */
  close(durationUs: number, number: number | undefined, error: string | undefined): void {
    const durationMs = durationUs / 1000;
    const { startTimeMs } = this.ticket.facts;
    this.#desk.close(this.ticket, this.file, { end: { durationMs, endTimeMs: startTimeMs + durationMs, endTimeMillis: Date.now() }, number, error });
  }

  /** Undefined as long as the file isn't made. */
  exportState(): OpenPartState | undefined {
    const file = this.file.exportState();
    return file === undefined ? undefined : { ticket: this.ticket, file };
  }
}

/** Writes down, once, what keeps a recording from going on. */
export function reportDiskError(log: Log, store: RecordStore, error: unknown): string {
  const reason = `The disk refused the recording: ${messageOf(error)}`;
  log.error(reason, { folder: store.root, err: error });
  return reason;
}
