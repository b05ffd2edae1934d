import test from 'ava';
import { PartFile, type DiskFile } from '../../../plugins/recorder/server/part-file.ts';

/** A disk in memory that does as it is told. */
class FakeDisk implements DiskFile {
  bytes = Buffer.alloc(0);
  capacity = Infinity;
  fault: Error | undefined;
  syncs = 0;
  closed = 0;
  /** Writes wait as long as this is pending. */
  gate: Promise<void> = Promise.resolve();

  async writev(buffers: readonly Uint8Array[], position: number): Promise<{ bytesWritten: number }> {
    await this.gate;
    if (this.fault !== undefined) throw this.fault;
    const whole = Buffer.concat(buffers);
    // Never more than half of what is given, so that the rest has to be written again.
    const bytesWritten = Math.min(Math.ceil(whole.length / 2), Math.max(0, this.capacity - position));
    if (bytesWritten === 0) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    if (position + bytesWritten > this.bytes.length) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(position + bytesWritten - this.bytes.length)]);
    whole.copy(this.bytes, position, 0, bytesWritten);
    return { bytesWritten };
  }

  datasync(): Promise<void> {
    this.syncs += 1;
    return Promise.resolve();
  }

  truncate(bytes: number): Promise<void> {
    this.bytes = this.bytes.subarray(0, bytes);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }
}

function fileOn(disk: FakeDisk, from?: ConstructorParameters<typeof PartFile>[1]): { file: PartFile; errors: unknown[] } {
  const errors: unknown[] = [];
  const options = { open: () => Promise.resolve(disk), syncMs: 0, nowMs: () => 0, onError: (error: unknown) => void errors.push(error) };
  return { file: new PartFile(options, from ?? Promise.resolve({ file: disk, path: '/records/x.part' })), errors };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
};

test('pieces are written in order and whole, also when the disk takes a part of each, and the head can be replaced', async (t) => {
  const disk = new FakeDisk();
  const { file, errors } = fileOn(disk);
  for (const piece of ['head', 'one', '', 'three']) file.append([Buffer.from(piece)]);
  t.is(file.backlogBytes, 12);
  file.replaceHead(Buffer.from('HEAD'));
  await file.finish();
  t.is(disk.bytes.toString(), 'HEADonethree');
  t.is(file.backlogBytes, 0);
  t.true(disk.syncs > 0);
  t.is(disk.closed, 1);
  t.deepEqual(errors, []);
});

test('a piece that comes at any turn while the one before is being written follows it', async (t) => {
  for (let turns = 0; turns < 40; turns++) {
    const disk = new FakeDisk();
    const { file } = fileOn(disk);
    file.append([Buffer.from('one')]);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    file.append([Buffer.from('two')]);
    await file.finish();
    t.is(disk.bytes.toString(), 'onetwo', `after ${turns} turns`);
  }
});

test('a disk that is full is told once, and the file ends with its last whole piece', async (t) => {
  const disk = new FakeDisk();
  disk.capacity = 8;
  const { file, errors } = fileOn(disk);
  file.append([Buffer.from('whole')]);
  await settle();
  file.append([Buffer.from('too much')]);
  await settle();
  file.append([Buffer.from('more')]);
  await t.throwsAsync(file.finish(), { code: 'ENOSPC' });
  t.is(errors.length, 1);
  t.is(disk.bytes.toString(), 'whole');
  t.is(disk.closed, 1);
});

test('a disk that fails in any other way is told once as well', async (t) => {
  const disk = new FakeDisk();
  const { file, errors } = fileOn(disk);
  disk.fault = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  file.append([Buffer.from('lost')]);
  await t.throwsAsync(file.finish(), { code: 'EIO' });
  t.is(errors.length, 1);
});

test('a file that cannot be made is told once', async (t) => {
  const errors: unknown[] = [];
  const refused = Object.assign(new Error('EACCES'), { code: 'EACCES' });
  const file = new PartFile({ open: () => Promise.reject(refused), syncMs: 0, nowMs: () => 0, onError: (error) => void errors.push(error) }, Promise.reject(refused));
  file.append([Buffer.from('x')]);
  await t.throwsAsync(file.finish(), { code: 'EACCES' });
  t.deepEqual(errors, [refused]);
});

test('a successor goes on in the middle of a write: every byte is there once', async (t) => {
  const disk = new FakeDisk();
  const { file } = fileOn(disk);
  file.append([Buffer.from('first ')]);
  await settle();
  let open = (): void => undefined;
  disk.gate = new Promise((resolve) => (open = resolve));
  file.append([Buffer.from('under way ')]);
  await settle();
  file.append([Buffer.from('waiting ')]);
  const state = file.exportState()!;
  t.deepEqual(state.pending.map(({ position }) => position), [6, 16]);
  const abandoned = file.abandon();
  const { file: successor, errors } = fileOn(disk, state);
  successor.append([Buffer.from('new')]);
  open();
  await abandoned;
  await successor.finish();
  t.is(disk.bytes.toString(), 'first under way waiting new');
  t.deepEqual(errors, []);
});

test('a file that is not made yet has no state to hand over', (t) => {
  const { file } = fileOn(new FakeDisk());
  t.is(file.exportState(), undefined);
});
