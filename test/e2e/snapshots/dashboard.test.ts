import { COLOURS, colourClip, colourDistance } from '../../support/colour-clips.ts';
import { openHttpPage, shoot } from '../../support/http-page.ts';
import { peerTest } from '../../support/peers.ts';
import { publishClip, writeSecond } from '../../support/snapshots.ts';
import { until } from '../../support/until.ts';

/** Colour in the middle of a row's picture; undefined while it has none. */
const middleOf = (name: string): string => `(() => {
  const picture = [...document.querySelectorAll('#rows-streams a')].find((link) => link.textContent === ${JSON.stringify(name)})?.querySelector('img');
  if (!picture?.complete || picture.naturalWidth === 0 || getComputedStyle(picture).visibility === 'hidden') return undefined;
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const context = canvas.getContext('2d');
  context.drawImage(picture, picture.naturalWidth / 2, picture.naturalHeight / 2, 1, 1, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
})()`;

peerTest('the dashboard shows a picture of every stream that has one, and goes on without', ['chromium', 'ffmpeg'], async (t) => {
  t.timeout(60_000);
  const { server, base, page, complaints } = await openHttpPage((work) => t.teardown(work), { plugins: { snapshots: { minIntervalMs: 0, timeoutMs: 10_000 } } });
  const clip = await colourClip('h264');
  for (const [second, name] of ['front/door', 'garden', 'studio'].entries()) writeSecond(publishClip(server, name, clip), clip, second);
  publishClip(server, 'radio', { track: { id: 'audio', kind: 'audio', codec: 'opus', clockRateHz: 48_000, revision: 1 } });
  await page.goto(base);
  await page.getByLabel('Password').fill(server.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  for (const [second, name] of ['front/door', 'garden', 'studio'].entries()) {
    const colour = await until(() => page.evaluate<readonly number[] | undefined>(middleOf(name)), `the picture of ${name}`);
    t.true(colourDistance(colour, COLOURS[second]!) <= 16, `${name}: ${colour.join()}`);
  }
  t.is(await page.evaluate<readonly number[] | undefined>(middleOf('radio')), undefined);
  await shoot(page, 'dashboard-pictures');
  await server.call('plugin.disable', { name: 'snapshots' });
  await until(() => page.evaluate<boolean>(`[...document.querySelectorAll('.thumbnail')].every(({ hidden }) => hidden)`), 'the pictures to go');
  await page.getByRole('link', { name: 'garden' }).waitFor();
  t.deepEqual(complaints, []);
});
