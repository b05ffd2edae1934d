import { z } from 'zod';

const milliseconds = (least: number, most: number, byDefault: number) => z.number().int().min(least).max(most).default(byDefault);

/** The settings of the transport, a part of those under `plugins.webrtc` of wcs.yml; README.md says what each does. */
export const transportSettingsShape = {
  /** UDP and TCP port for all peers; 0 takes any free one. */
  port: z.number().int().min(0).max(65_535).default(31_000),
  /** `shared`: all peers on `port`. `perPeer`: each peer has a UDP port of its own out of `ports.media`; TCP stays on `port`. */
  udpPorts: z.enum(['shared', 'perPeer']).default('shared'),
  /** Offer passive TCP candidates. */
  tcp: z.boolean().default(true),
  /** Address to listen on; default `network.host`. `::` listens on IPv6 and IPv4. */
  host: z.string().min(1).optional(),
  /** Addresses that clients are told, instead of the machine's own: needed behind NAT and in containers. */
  advertise: z.array(z.union([z.ipv4(), z.ipv6()])).max(16).default([]),
  /** From the answer to the first connectivity check. */
  iceTimeoutMs: milliseconds(500, 120_000, 15_000),
  /** Without a valid connectivity check for this long, a peer is gone. */
  iceKeepAliveMs: milliseconds(1000, 120_000, 15_000),
  /** From the first connectivity check to the end of the DTLS handshake. */
  dtlsTimeoutMs: milliseconds(500, 120_000, 10_000),
  /** A TCP connection without a valid connectivity check is ended. */
  tcpFirstCheckMs: milliseconds(500, 120_000, 10_000),
  /** TCP connections from one address that wait for their first check. */
  tcpPerAddress: z.number().int().min(1).max(10_000).default(32),
} as const;

/** The transport's settings by themselves. */
export const transportSchema = z.object(transportSettingsShape);

/** The settings with their defaults filled in. */
export type TransportSettings = z.output<typeof transportSchema>;
