import type { PluginSession } from 'wcs-core';
import type { Presentation } from '../session/presentation.ts';
import type { Waiters } from '../session/waiters.ts';
import type { Container } from '../wire/request-path.ts';

/** One stream packed into one container, as requests see it. */
export interface ServedPackager {
  readonly session: PluginSession;
  readonly streamName: string;
  readonly container: Container;
  readonly presentation: Presentation;
  readonly waiters: Waiters;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  readonly events: readonly string[];
  /** Monotonic time of the last request; requests set it. */
  lastAskedMs: number;
}

/** What goes with the question for a packager. */
export interface PackagerWish {
  /** Parameters and IP address of the viewer that asks, for a source that has to be started. */
  readonly params?: Readonly<Record<string, string>>;
  readonly caller?: string | undefined;
  /** It goes on without viewers. */
  readonly keeps?: boolean;
}

/** The packagers that there are, and those that can be had. */
export interface PackagerDirectory {
  readonly all: readonly ServedPackager[];
  find(streamName: string, container: Container): ServedPackager | undefined;
  /** Pending while a packager is on its way from the previous generation of the plugin. */
  arrival(streamName: string, container: Container): Promise<void> | undefined;
  /**
   * The packager of a stream; started when there is none.
   *
   * Rejects with the error of the media bus, MEDIA_E_NOT_FOUND for an unknown stream.
   */
  obtain(streamName: string, container: Container, wish?: PackagerWish): Promise<ServedPackager>;
}
