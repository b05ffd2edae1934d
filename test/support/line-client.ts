import { connect, type Socket } from 'node:net';
import { until } from './until.ts';

/** A TCP client that keeps every line it was sent. */
export class LineClient {
  readonly lines: string[] = [];
  closed = false;
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    let rest = '';
    this.socket.on('data', (chunk) => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop() ?? '';
      this.lines.push(...parts);
    });
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('error', () => (this.closed = true));
  }

  /** Sends a line and waits for the next one to come. */
  async ask(line: string): Promise<string> {
    const before = this.lines.length;
    this.socket.write(`${line}\n`);
    return until(() => this.lines[before], `an answer to ${line}`);
  }
}
