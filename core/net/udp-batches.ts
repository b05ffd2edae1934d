import { AsyncResource } from 'node:async_hooks';
import type { NativeUdp, TakeDatagram } from '../rtp/fanout/udp.ts';

/** How often ports are read in batches: what they are late for that is half of it on average. */
const TURN_MS = 4;
/** From that many datagrams a second on, of all ports together, a wake-up for each of them costs more than the turns. */
const BUSY_PER_S = 400;
/** Below that it does no more. */
const CALM_PER_S = 200;
const WINDOW_MS = 500;
/** Ports that go back to events in one turn: each costs a few system calls. */
const BACK_PER_TURN_MAX = 8;

/** A port that is read in batches. */
export interface BatchedPort {
  /** One datagram is one event again. Whether that worked. */
  toEvents(): boolean;
}

/**
 * Reads UDP ports in turns while much comes in, and not before: with few datagrams an event for each is quicker and costs less, with
 * many the wake-ups cost more than the datagrams.
 */
export class UdpBatches {
  readonly native: NativeUdp;
  readonly #nowMs: () => number;
  readonly #ports = new Map<BatchedPort, number>();
  /** The turns are nobody's but the kernel's: begun in a generation's own context, they would keep it alive. */
  readonly #context = new AsyncResource('UdpBatches');
  #timer: NodeJS.Timeout | undefined;
  #windowStartMs: number;
  #count = 0;
  #isBusy = false;

  /** @param nowMs monotonic clock */
  constructor(native: NativeUdp, nowMs: () => number = () => performance.now()) {
    this.native = native;
    this.#nowMs = nowMs;
    this.#windowStartMs = nowMs();
  }

  /** Ports that are read in batches now. */
  get size(): number {
    return this.#ports.size;
  }

  /** Notes datagrams that have come, and answers whether there are so many that ports should be read in batches. */
  note(count: number): boolean {
    const nowMs = this.#nowMs();
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs >= WINDOW_MS) {
      this.#isBusy &&= this.#count * 1000 >= CALM_PER_S * elapsedMs;
      this.#windowStartMs = nowMs;
      this.#count = 0;
    }
    this.#count += count;
    this.#isBusy ||= this.#count * 1000 >= BUSY_PER_S * WINDOW_MS;
    return this.#isBusy;
  }

  /** Whether the port is read in batches from now on. */
  add(port: BatchedPort, fd: number, take: TakeDatagram): boolean {
    if (!this.native.watch(fd, take)) return false;
    this.#ports.set(port, fd);
    this.#timer ??= this.#context.runInAsyncScope(() => setInterval(() => this.#turn(), TURN_MS));
    return true;
  }

  remove(port: BatchedPort): void {
    const fd = this.#ports.get(port);
    if (fd === undefined) return;
    this.native.unwatch(fd);
    this.#ports.delete(port);
    if (this.#ports.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #turn(): void {
    if (this.note(this.native.read())) return;
    let left = BACK_PER_TURN_MAX;
    for (const port of this.#ports.keys()) {
      if (left-- === 0) return;
      if (port.toEvents()) this.remove(port);
    }
  }
}
