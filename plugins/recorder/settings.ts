import { z } from 'zod';
import type { ContainerType } from './wire/container.ts';
import { templateFault } from './wire/file-name.ts';
import { parseRotation } from './wire/rotation.ts';

const FORMAT = /^([a-z0-9]+)-(mp4|webm|mkv|ts)$/;

/** A template of names, checked. */
export const nameTemplate = z.string().superRefine((template, context) => {
  const fault = templateFault(template);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

/** `10`, `"10"` or `"10M"`, as a rotation. */
export const rotation = z.union([z.string(), z.number()]).transform((value, context) => {
  try {
    return parseRotation(String(value));
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'Not a rotation' });
    return z.NEVER;
  }
});

const formats = z.string().transform((text, context) => {
  const byCodec = new Map<string, ContainerType>();
  for (const word of text.split(',').map((each) => each.trim()).filter((each) => each !== '')) {
    const [, codec, container] = FORMAT.exec(word) ?? [];
    if (codec === undefined) context.addIssue({ code: 'custom', message: `${JSON.stringify(word)} is not of the form codec-container; containers are mp4, webm, mkv and ts` });
    else byCodec.set(codec, container as ContainerType);
  }
  return byCodec;
});

/** Settings of the recorder; defaults are WCS's. */
export const settingsSchema = z.object({
  folder: z.string().min(1).default('./records').describe('Where recordings go; relative to the working folder'),
  formats: formats.prefault('h264-mp4,hevc-mp4,av1-mp4,vp8-webm,vp9-webm,audio-mp4').describe('Container by the codec of the picture; audio is a stream without one'),
  nameTemplate: nameTemplate.default('stream-{mediaSessionId}-{login}').describe('Name of a file without its ending'),
  rotation: rotation.prefault('').describe('Seconds (10) or megabytes (10M) of a file; empty: one file a recording'),
  onRequest: z.boolean().default(true).describe('Record the streams whose publishers ask for it'),
  protocols: z.array(z.string().min(1)).default([]).describe('Record every stream published by these protocols, e.g. [rtmp, rtsp]'),
  streams: z.array(z.string().min(1)).default([]).describe('Record the streams with these names; * stands for any characters'),
  maxRecordings: z.number().int().min(1).default(500).describe('Recordings at the same time'),
  pieceMs: z.number().int().min(100).max(10_000).default(1000).describe('Media in one write: what a crash of the server costs at most'),
  syncMs: z.number().int().min(0).default(5000).describe('How often a file is forced to the disk: what a power cut costs at most; 0 after each piece'),
  maxBacklogBytes: z.number().int().min(65_536).default(16 * 1024 * 1024).describe('Bytes of one recording that may wait for the disk'),
  finalise: z.boolean().default(false).describe('Rewrite a complete fragmented MP4 as a plain one, index first, by ffmpeg'),
  multipleFormat: z.enum(['mkv', 'mp4']).default('mkv').describe('Container of several streams in one file'),
  script: z
    .union([z.string().min(1).transform((program) => [program]), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe('Program, with arguments if need be, that is run after each file; it gets the stream name and the path of the file as well'),
  scriptTimeoutMs: z.number().int().min(100).default(60_000).describe('How long the script may run'),
});

export type RecorderSettings = z.output<typeof settingsSchema>;
