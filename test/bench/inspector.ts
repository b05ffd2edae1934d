import { WebSocket } from 'ws';
import { until } from '../support/until.ts';

/** Answers of the inspector that are read here. */
interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Memory of a process that is held by living objects. */
export interface LivingMemory {
  readonly heapBytes: number;
  /** Buffers and other memory outside the heap. */
  readonly externalBytes: number;
}

/** Looks into a server that runs with `--inspect`, from outside and without code of its own in the server. */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const answer = JSON.parse(data.toString()) as Answer;
      if (answer.id === undefined) return;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  /** Connects to the inspector of a process on loopback. */
  static async connect(port: number): Promise<Inspector> {
    const targets = await until(async () => {
      const response = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => undefined);
      return response?.ok === true ? ((await response.json()) as { readonly webSocketDebuggerUrl: string }[]) : undefined;
    }, 'the inspector');
    const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '');
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new Inspector(socket);
  }

  /** Memory after two full collections: the second one takes what finalisers of the first let go. */
  async livingMemory(): Promise<LivingMemory> {
    await this.#send('HeapProfiler.enable');
    for (let round = 0; round < 2; round++) await this.#send('HeapProfiler.collectGarbage');
    const { heapUsed, external } = JSON.parse(await this.#evaluate('JSON.stringify(process.memoryUsage())')) as { readonly heapUsed: number; readonly external: number };
    return { heapBytes: heapUsed, externalBytes: external };
  }

  /** What keeps the event loop of the process alive: sockets, timers and the like. */
  async activeResources(): Promise<number> {
    return Number(await this.#evaluate('String(process.getActiveResourcesInfo().length)'));
  }

  close(): void {
    this.#socket.close();
  }

  async #evaluate(expression: string): Promise<string> {
    const { result } = (await this.#send('Runtime.evaluate', { expression, returnByValue: true })) as { readonly result: { readonly value?: string } };
    if (result.value === undefined) throw new Error(`${expression} gave nothing`);
    return result.value;
  }

  #send(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result);
        else reject(new Error(error.message));
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}
