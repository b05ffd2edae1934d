import type { ServerChannel } from 'ssh2';
import type { Connection } from 'wcs-core';

/** Writes text to an SSH channel; on a terminal every line end becomes CR LF and errors go where the rest goes. */
export class ChannelOutput {
  readonly #channel: ServerChannel;
  readonly #connection: Connection;
  readonly #terminal: boolean;
  #closed = false;

  constructor(channel: ServerChannel, connection: Connection, terminal: boolean) {
    this.#channel = channel;
    this.#connection = connection;
    this.#terminal = terminal;
    channel.on('close', () => {
      this.#closed = true;
    });
    // A write that comes after the peer's close is nobody's fault.
    channel.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
  }

  /** Bytes that the peer has not taken yet. */
  get backlogBytes(): number {
    return this.#channel.writableLength + this.#channel.stderr.writableLength + this.#connection.backlogBytes;
  }

  out(text: string): void {
    if (this.#open) this.#channel.write(this.#ends(text));
  }

  err(text: string): void {
    if (this.#terminal) this.out(text);
    else if (this.#open) this.#channel.stderr.write(text);
  }

  /** As it is: control sequences of the line editor. */
  raw(text: string): void {
    if (this.#open) this.#channel.write(text);
  }

  /** Ends the channel with an exit code. */
  finish(exitCode: number): void {
    if (!this.#open) return;
    this.#closed = true;
    this.#channel.exit(exitCode);
    this.#channel.end();
  }

  get #open(): boolean {
    // A channel on a connection that has gone takes writes, but never gets rid of them.
    return !this.#closed && !this.#connection.destroyed && this.#channel.writable;
  }

  #ends(text: string): string {
    return this.#terminal ? text.replace(/\r?\n/g, '\r\n') : text;
  }
}
