declare module 'hls-server' {
  import type { Server } from 'node:http';
  import type { Readable } from 'node:stream';

  /** Where the package gets its playlists and segments from. */
  interface Provider<Request> {
    exists(request: Request, callback: (error: Error | null, exists: boolean) => void): void;
    getManifestStream(request: Request, callback: (error: Error | null, stream?: Readable) => void): void;
    getSegmentStream(request: Request, callback: (error: Error | null, stream?: Readable) => void): void;
  }

  /** Attaches itself to the requests of an HTTP server. */
  export default class HLSServer<Request> {
    constructor(server: Server, options: { readonly path: string; readonly debugPlayer: boolean; readonly provider: Provider<Request> });
  }
}
