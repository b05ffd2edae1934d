declare module 'hls-server' {
  import type { EventEmitter } from 'node:events';
  import type { Readable } from 'node:stream';

  /** Where the package gets its playlists and segments from. */
  interface Provider<Request> {
    exists(request: Request, callback: (error: Error | null, exists: boolean) => void): void;
    getManifestStream(request: Request, callback: (error: Error | null, stream?: Readable) => void): void;
    getSegmentStream(request: Request, callback: (error: Error | null, stream?: Readable) => void): void;
  }

  /** Attaches itself to the `request` event of an HTTP server, or of anything else that emits it. */
  export default class HLSServer<Request> {
    constructor(server: EventEmitter, options: { readonly path: string; readonly debugPlayer: boolean; readonly provider: Provider<Request> });
  }
}
