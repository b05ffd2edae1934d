import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { WcsError } from 'wcs-core';
import apiScript from '../pages/api.client.js';
import apiPage from '../pages/api.html';
import commonScript from '../pages/common.client.js';
import dashboardScript from '../pages/dashboard.client.js';
import faviconImage from '../pages/favicon.svg';
import indexPage from '../pages/index.html';
import playerHlsScript from '../pages/player-hls.client.js';
import playerWhepScript from '../pages/player-whep.client.js';
import playerScript from '../pages/player.client.js';
import playerPage from '../pages/player.html';
import publishCaptureScript from '../pages/publish-capture.client.js';
import publishWhipScript from '../pages/publish-whip.client.js';
import publishScript from '../pages/publish.client.js';
import publishPage from '../pages/publish.html';
import streamNameScript from '../pages/stream-name.client.js';
import style from '../pages/style.css';
import webRtcScript from '../pages/webrtc.client.js';

/** What the pages are told of the server. */
export interface PageFacts {
  readonly hlsPort: number;
  readonly hlsTlsPort: number;
  /** Where the pages are served encrypted. */
  readonly tlsPort: number | 'off';
  /** Text of hls.js, which the player page runs. */
  readonly hlsScript: string | Buffer;
}

/** Scripts of the pages by the name that the browser asks for. */
const SCRIPTS = {
  'api.js': apiScript,
  'common.js': commonScript,
  'dashboard.js': dashboardScript,
  'player.js': playerScript,
  'player-hls.js': playerHlsScript,
  'player-whep.js': playerWhepScript,
  'publish.js': publishScript,
  'publish-capture.js': publishCaptureScript,
  'publish-whip.js': publishWhipScript,
  'stream-name.js': streamNameScript,
  'webrtc.js': webRtcScript,
} as const;

interface Page {
  readonly body: Buffer;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };

/** The pages run nothing but their own scripts and load nothing from elsewhere. */
const STRICT_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The dashboard, the player, the publishing page, the API page and what they load. */
export class Pages {
  readonly #pages: ReadonlyMap<string, Page>;

  constructor(facts: PageFacts) {
    const { hlsPort, hlsTlsPort, tlsPort, hlsScript } = facts;
    const player = playerPage.replace('{{hlsPort}}', String(hlsPort)).replace('{{hlsTlsPort}}', String(hlsTlsPort));
    this.#pages = new Map<string, Page>([
      ['index.html', pageOf('html', indexPage, STRICT_POLICY)],
      ['api.html', pageOf('html', apiPage, STRICT_POLICY)],
      ['player.html', pageOf('html', player, playerPolicy(hlsPort, hlsTlsPort))],
      ['publish.html', pageOf('html', publishPage.replace('{{tlsPort}}', String(tlsPort)), STRICT_POLICY)],
      ...Object.entries(SCRIPTS).map(([name, text]): [string, Page] => [name, pageOf('js', text)]),
      ['style.css', pageOf('css', style)],
      ['favicon.svg', pageOf('svg', faviconImage)],
      ['hls.min.js', pageOf('js', hlsScript)],
    ]);
  }

  /**
   * Answers with a page; one that the browser has already is not sent again.
   *
   * @throws WcsError OPERATION_E_UNKNOWN
   */
  send(reply: FastifyReply, name: string): FastifyReply {
    const page = this.#pages.get(name);
    if (page === undefined) throw new WcsError('OPERATION_E_UNKNOWN', `There is no page ${name}.`);
    void reply.headers({ ...page.headers, ETag: page.etag, 'Cache-Control': 'no-cache' });
    if (reply.request.headers['if-none-match'] === page.etag) return reply.code(304).send();
    return reply.send(page.body);
  }
}

/** The routes of the pages, but for `/`, which the statistics share. */
export function addPageRoutes(app: FastifyInstance, pages: Pages): void {
  app.get('/player', (_request, reply) => pages.send(reply, 'player.html'));
  app.get('/publish', (_request, reply) => pages.send(reply, 'publish.html'));
  app.get('/api', (_request, reply) => pages.send(reply, 'api.html'));
  app.get('/favicon.ico', (_request, reply) => pages.send(reply, 'favicon.svg'));
  app.get<{ Params: { name: string } }>('/assets/:name', (request, reply) => {
    const { name } = request.params;
    // The documents have routes of their own.
    if (name.endsWith('.html')) throw new WcsError('OPERATION_E_UNKNOWN', `There is no file ${name}.`);
    return pages.send(reply, name);
  });
}

/** The player may be embedded anywhere and fetches from the HLS server, which is another port and thus another origin. */
function playerPolicy(hlsPort: number, hlsTlsPort: number): string {
  const media = `http://*:${hlsPort} https://*:${hlsTlsPort}`;
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ${media}; media-src blob: ${media}; worker-src blob:; base-uri 'none'; form-action 'self'`;
}

function pageOf(extension: string, text: string | Buffer, policy?: string): Page {
  const body = Buffer.from(text);
  const headers: Record<string, string> = { 'Content-Type': `${TYPES[extension] ?? 'text/plain'}; charset=utf-8`, 'X-Content-Type-Options': 'nosniff' };
  if (policy !== undefined) Object.assign(headers, { 'Content-Security-Policy': policy, 'Referrer-Policy': 'no-referrer' });
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`, headers };
}
