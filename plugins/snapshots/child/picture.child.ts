import { serveJobs, type JobHandler } from 'wcs-core/process/child-jobs';
import type { PictureJob } from '../server/node-av-pictures.ts';

/** Runs in a process of its own, where a crash of native code ends nothing else: makes a picture of each job's key frame. */
serveJobs(async (spec, output): Promise<JobHandler> => {
  const { makePicture } = await import('./node-av-picture.ts');
  // Written by `NodeAvPictures`.
  const job = spec as PictureJob;
  return {
    onPacket: ({ data }) => {
      if (job.type === 'picture') output.packet({ port: 0, key: true, ptsUs: 0, dtsUs: 0, stampMs: 0, data: makePicture(job.codec, data, job) });
    },
    onCommand: () => output.end(),
    close: () => undefined,
  };
});
