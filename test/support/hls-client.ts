import { ask, type Answer } from './hls.ts';

/** A part that was played. */
interface Played {
  readonly msn: number;
  readonly part: number;
  readonly data: Buffer;
}

/** A low-latency player without a screen: asks for each next part, fetches it, and keeps everything in order. */
export class LlPlayer {
  readonly #port: number;
  readonly #folder: string;
  readonly #list: string;
  #init: Buffer | undefined;
  readonly played: Played[] = [];
  /** Where the list was when last read. */
  text = '';

  /** @param name a stream name without slashes */
  constructor(port: number, name: string, query = '') {
    this.#port = port;
    this.#folder = `/${name}/`;
    this.#list = `/${name}/${name}.m3u8${query}`;
  }

  /** Reads the list and begins at its last independent part. */
  async start(): Promise<void> {
    this.text = (await this.#get(this.#list)).text;
    const map = /EXT-X-MAP:URI="([^"]+)"/.exec(this.text)?.[1];
    if (map === undefined) throw new Error(`No MAP in ${this.text}`);
    this.#init = (await this.#get(this.#folder + map)).body;
    const from = this.#parts().findLastIndex(({ independent }) => independent);
    await this.#take(this.#parts().slice(from));
  }

  /** Asks for the next part in a blocking request and takes what has come. */
  async next(): Promise<void> {
    const last = this.played.at(-1);
    if (last === undefined) return this.start();
    const separator = this.#list.includes('?') ? '&' : '?';
    this.text = (await this.#get(`${this.#list}${separator}_HLS_msn=${last.msn}&_HLS_part=${last.part + 1}`)).text;
    const fresh = this.#parts().filter(({ msn, part }) => msn > last.msn || (msn === last.msn && part > last.part));
    if (fresh.length === 0) throw new Error(`Nothing new behind ${last.msn}.${last.part} in ${this.text}`);
    await this.#take(fresh);
  }

  /** Init segment and parts as one file. */
  file(): Buffer {
    return Buffer.concat([this.#init ?? Buffer.alloc(0), ...this.played.map(({ data }) => data)]);
  }

  #parts(): { uri: string; msn: number; part: number; independent: boolean }[] {
    const lines = [...this.text.matchAll(/#EXT-X-PART:DURATION=[\d.]+,URI="([^"]+-(\d+)\.(\d+)\.m4s[^"]*)"(,INDEPENDENT=YES)?/g)];
    return lines.map(([, uri = '', msn, part, independent]) => ({ uri, msn: Number(msn), part: Number(part), independent: independent !== undefined }));
  }

  async #take(parts: readonly { uri: string; msn: number; part: number }[]): Promise<void> {
    for (const { uri, msn, part } of parts) {
      const last = this.played.at(-1);
      const follows = last === undefined || (msn === last.msn && part === last.part + 1) || (msn === last.msn + 1 && part === 0);
      if (!follows) throw new Error(`Part ${msn}.${part} does not follow ${last.msn}.${last.part}`);
      this.played.push({ msn, part, data: (await this.#get(this.#folder + uri)).body });
    }
  }

  async #get(path: string): Promise<Answer> {
    const answer = await ask(this.#port, path);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    return answer;
  }
}
