import { randomInt, randomUUID } from 'node:crypto';
import type { NegotiatedAnswer } from '../wire/negotiate-answer.ts';
import type { AnswerSource } from '../wire/sdp-answer.ts';

const SSRC_MAX = 0xffff_ffff;

/** What the server sends in each m-section. */
export function sourcesFor({ media }: NegotiatedAnswer): readonly (readonly [number, AnswerSource])[] {
  const streamId = randomUUID();
  const cname = randomUUID();
  return media.filter((entry) => entry.type === 'accepted').map(({ index, codecs }): readonly [number, AnswerSource] => {
    const resends = codecs.some(({ rtxPayloadType }) => rtxPayloadType !== undefined);
    return [index, { ssrc: newSsrc(), rtxSsrc: resends ? newSsrc() : undefined, cname, streamId, trackId: randomUUID() }];
  });
}

function newSsrc(): number {
  return randomInt(1, SSRC_MAX);
}
