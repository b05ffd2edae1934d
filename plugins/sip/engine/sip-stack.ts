import type { PluginSession } from 'wcs-core';
import type { Target } from './session/target.ts';
import type { ControlAccess } from './server/control-server.ts';

/** A control port that the call logic connects to: that of the embedded engine, or of one drachtio-server. */
export interface SipPlace {
  readonly name: string;
  readonly access: ControlAccess;
  /** Whether requests get through. */
  readonly connected: boolean;
  /** Whether an INVITE of ours waits there for its answer. */
  holds(transactionId: string): boolean;
  /** Resolves when what the application wants to hear of is known. */
  routed(): Promise<void>;
}

/** What speaks SIP below the call logic. */
export interface SipStack {
  /** Told of each place that requests get through to now, or don't any more. */
  onPlacesChanged: (() => void) | undefined;
  /** Told of each connection with a peer that has gone, where that is known. */
  onConnectionLost: ((target: Target) => void) | undefined;
  readonly counts: { readonly transactions: number; readonly dialogs: number; readonly connections: number };
  readonly counters: { readonly received: number; readonly malformed: number; readonly dropped: number };
  /** What keeps it from serving in full; undefined when nothing does. */
  readonly trouble: string | undefined;
  /** Whether `ping` does something. */
  readonly canPing: boolean;
  /** Takes what has to be taken before it serves. @param methods that the application wants to hear of, in lower case */
  prepare(methods: readonly string[]): Promise<readonly SipPlace[]>;
  /** Serves; opens its sessions before any other of the plugin. */
  start(): void;
  owns(session: PluginSession): boolean;
  /** Plain data of a session of its own. */
  exportSession(session: PluginSession): unknown;
  /** @throws WcsError for what another kind of stack has written */
  importSession(session: PluginSession, state: unknown): void;
  /** Resolves when the last call has ended, or the signal says that it is late; then calls that are left hear a BYE. */
  drain(signal: AbortSignal): Promise<void>;
  /** Our address as that host finds it. */
  hostTowards(host: string): string;
  /** Host and port that calls to ourselves go to; undefined where there is no such place. */
  readonly ownPlace: string | undefined;
  /** Whether requests to that host and port would come back to us. */
  isOwnPlace(host: string, port: number | undefined): boolean;
  /** Sends CRLF CRLF; false where there is no connection any more. @see RFC 5626 section 4.4.1 */
  ping(target: Target): boolean;
}
