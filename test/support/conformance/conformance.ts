import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext, TestFn } from 'ava';
import { freePorts, startTestKernel, type TestKernel } from '../test-kernel.ts';
import { until } from '../until.ts';
import { attack } from './hostile.ts';
import { PluginUnderTest, STEPS_BEFORE_SWITCH } from './plugin-under-test.ts';

/** A peer at work, as the kit sees it. */
export interface LiveSession {
  /** Resolves when the session has made progress since the last call; rejects when it was lost or anything is missing. */
  verify(): Promise<void>;
  close(): Promise<void> | void;
}

/** What a test of the kit is given. */
export interface ConformanceEnvironment {
  readonly t: ExecutionContext;
  readonly kernel: TestKernel;
  readonly ports: readonly number[];
}

/** A plugin and how to use it. */
export interface ConformanceSubject {
  /** Name in the manifest. */
  readonly name: string;
  /** Absolute path of the entry file. */
  readonly entry: string;
  /** How many ports `settings` wants. */
  readonly portCount: number;
  /** The plugin's settings for these free ports. */
  settings(ports: readonly number[]): Readonly<Record<string, unknown>>;
  /** Further plugins that it needs, with their settings. */
  otherPlugins?(ports: readonly number[]): Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Opens a session that carries something; called several times. */
  openSession(environment: ConformanceEnvironment): Promise<LiveSession>;
  /** Whether open sessions go on through a swap. Otherwise they may end once, and new ones must work. */
  readonly keepsSessions: boolean;
  /** Tries to use the plugin while the access chain refuses everything; resolves to whether it was refused. */
  tryRefused?(environment: ConformanceEnvironment): Promise<boolean>;
  /** How long what a version leaves may take to go, 15 s by default. */
  readonly leftoversMs?: number;
}

/** Swaps under load; enough to show a slip, few enough for every plugin's test run. */
const SWAPS = 8;
const DRAIN_MS = 500;
const LEASES_MS = 3000;
/** The end of the server's log, shown with a test that fails. */
const SHOWN_LOG_LINES = 30;
const LEFTOVERS_MS = 15_000;

/** One test of the kit. */
export interface ConformanceTest {
  readonly title: string;
  readonly run: (t: ExecutionContext) => Promise<void>;
}

/**
 * Registers the plugin conformance tests: swap under load, rollback of versions that throw in each life-cycle step,
 * hostile bytes on every listener, the access chain, and nothing left behind.
 */
export function pluginConformance(test: TestFn, subject: ConformanceSubject): void {
  for (const { title, run } of conformanceTests(subject)) test.serial(`${subject.name} conformance: ${title}`, run);
}

/** The tests that `pluginConformance` registers. */
export function conformanceTests(subject: ConformanceSubject): ConformanceTest[] {
  const inKernel = (body: (environment: ConformanceEnvironment, plugin: PluginUnderTest) => Promise<void>) => (t: ExecutionContext) => withPlugin(subject, t, body);
  return [
    { title: 'sessions and listeners survive swaps, and old code is collected', run: inKernel((environment, plugin) => swapUnderLoad(subject, environment, plugin)) },
    { title: 'a version that throws in any step leaves the previous one serving', run: inKernel((environment, plugin) => throwEverywhere(subject, environment, plugin)) },
    { title: 'hostile bytes end only their own connection', run: inKernel((environment) => takeHostileBytes(subject, environment)) },
    { title: 'nothing is left after it is disabled', run: inKernel((environment) => leaveNothing(subject, environment)) },
    ...(subject.tryRefused === undefined ? [] : [{ title: 'what the access chain refuses is refused', run: inKernel((environment) => obeyAccess(subject, environment)) }]),
  ];
}

async function withPlugin(subject: ConformanceSubject, t: ExecutionContext, body: (environment: ConformanceEnvironment, plugin: PluginUnderTest) => Promise<void>): Promise<void> {
  const { name } = subject;
  t.timeout(80_000);
  const plugin = new PluginUnderTest(name, subject.entry);
  const ports = await freePorts(subject.portCount);
  const kernel = await startTestKernel({ plugins: { ...subject.otherPlugins?.(ports), [name]: { ...subject.settings(ports), path: plugin.folder, drainMs: DRAIN_MS } } });
  try {
    t.is(kernel.kernel.host.slot(name).state, 'active', kernel.kernel.host.slot(name).error?.message);
    await body({ t, kernel, ports }, plugin);
  } catch (error) {
    for (const line of kernel.logLines.slice(-SHOWN_LOG_LINES)) t.log(line);
    throw error;
  } finally {
    await kernel.stop();
    plugin.remove();
  }
}

async function swapUnderLoad(subject: ConformanceSubject, environment: ConformanceEnvironment, plugin: PluginUnderTest): Promise<void> {
  const { t, kernel } = environment;
  let sessions = [await subject.openSession(environment), await subject.openSession(environment)];
  for (let round = 1; round <= SWAPS; round++) {
    plugin.writeGood();
    await kernel.call('plugin.reload', { name: subject.name });
    if (!subject.keepsSessions) {
      for (const session of sessions) await session.close();
      sessions = [await subject.openSession(environment)];
    }
    // At the same time: each waits for media of its own.
    const goOn = subject.keepsSessions ? sessions.map((session) => t.notThrowsAsync(session.verify(), `after swap ${round}`)) : [];
    await Promise.all([...goOn, t.notThrowsAsync(verifyNewSession(subject, environment), `a new session after swap ${round}`)]);
  }
  for (const session of sessions) await session.close();
  await collected(subject, environment, 0);
  t.is(kernel.kernel.host.slot(subject.name).faultsSeen, 0, `no fault of any version: ${kernel.logLines.findLast((line) => line.includes('Fault of')) ?? ''}`);
}

async function throwEverywhere(subject: ConformanceSubject, environment: ConformanceEnvironment, plugin: PluginUnderTest): Promise<void> {
  const { t, kernel } = environment;
  const before = kernel.kernel.host.slot(subject.name).active?.label;
  const session = await subject.openSession(environment);
  // With those of the session, which may have a port of its own.
  const leases = leaseCounts(kernel);
  for (const step of STEPS_BEFORE_SWITCH) {
    plugin.writeFaulty(step);
    await t.throwsAsync(kernel.call('plugin.reload', { name: subject.name }), undefined, `a throw in ${step} is reported`);
    t.is(kernel.kernel.host.slot(subject.name).active?.label, before, `${step}: the previous version serves`);
    // What serves may have a lease for a moment, for a test of its own.
    await until(() => leasesBeyond(leases, kernel).length === 0, 'further leases to be released', LEASES_MS).catch(() => undefined);
    t.deepEqual(leasesBeyond(leases, kernel), [], `${step}: no lease is left`);
    await t.notThrowsAsync(session.verify(), `${step}: the live session goes on`);
  }
  // A version that cannot give its sessions away would keep the one after it from being asked to take them.
  for (const step of ['importSession', 'exportSession'] as const) {
    if (!subject.keepsSessions) break;
    plugin.writeFaulty(step);
    await kernel.call('plugin.reload', { name: subject.name });
    await t.notThrowsAsync(verifyOutlastingSession(subject, environment), `${step}: new sessions work, and outlast the version before`);
  }
  await session.close();
  plugin.writeFaulty('reconfigure');
  await kernel.call('plugin.reload', { name: subject.name });
  await kernel.call('config.set', { path: `plugins.${subject.name}.drainMs`, value: DRAIN_MS + 1 });
  await t.notThrowsAsync(verifyNewSession(subject, environment), 'reconfigure: new sessions work');
  plugin.writeFaulty('drain');
  await kernel.call('plugin.reload', { name: subject.name });
  plugin.writeGood();
  await kernel.call('plugin.reload', { name: subject.name });
  await t.notThrowsAsync(verifyNewSession(subject, environment), 'a good version after all the bad ones');
  await collected(subject, environment, 0);
}

async function takeHostileBytes(subject: ConformanceSubject, environment: ConformanceEnvironment): Promise<void> {
  const { t, kernel } = environment;
  const session = await subject.openSession(environment);
  for (const { key } of kernel.kernel.parts.listeners.list()) {
    await attack(key);
    await t.notThrowsAsync(session.verify(), `${key}: the live session goes on`);
  }
  t.is(kernel.kernel.host.slot(subject.name).faultsSeen, 0, 'hostile bytes are no fault of the plugin');
  await session.close();
  await t.notThrowsAsync(verifyNewSession(subject, environment), 'a new session');
}

async function leaveNothing(subject: ConformanceSubject, environment: ConformanceEnvironment): Promise<void> {
  const { t, kernel } = environment;
  const { parts, host } = kernel.kernel;
  await kernel.call('plugin.disable', { name: subject.name });
  await collected(subject, environment, 0);
  const others = Object.keys(subject.otherPlugins?.([]) ?? {});
  await kernelIsIdle(kernel, others);
  const idle = activeResources();
  await kernel.call('plugin.enable', { name: subject.name });
  const session = await subject.openSession(environment);
  await session.verify();
  await session.close();
  await kernel.call('plugin.disable', { name: subject.name });
  await until(() => host.slot(subject.name).draining.size === 0, 'the plugin to drain');
  await kernelIsIdle(kernel, others);
  t.is(parts.sessions.count(), 0, 'no session');
  t.deepEqual(parts.media.streams().map((stream) => `${stream.name}: ${stream.subscriberCount}`).filter((row) => !row.endsWith(': 0')), [], 'no subscription');
  for (const range of ['media', 'agents'] as const) t.is(parts.ports.counts(range).busy, 0, `no ${range} port`);
  await until(() => JSON.stringify(activeResources()) === JSON.stringify(idle), 'the resources of before', subject.leftoversMs ?? LEFTOVERS_MS).catch(() => t.deepEqual(activeResources(), idle, 'the resources of before'));
  await collected(subject, environment, 0);
}

async function obeyAccess(subject: ConformanceSubject, environment: ConformanceEnvironment): Promise<void> {
  const release = environment.kernel.kernel.parts.access.use({ name: 'refuse all', order: 0, authorise: () => ({ allowed: false, reason: 'refused by the test' }) });
  environment.t.true(await subject.tryRefused?.(environment), 'refused');
  release();
  await environment.t.notThrowsAsync(verifyNewSession(subject, environment), 'allowed again');
}

async function verifyNewSession(subject: ConformanceSubject, environment: ConformanceEnvironment): Promise<void> {
  const session = await subject.openSession(environment);
  await session.verify();
  await session.close();
}

/** A session that is opened while the previous version may still drain is none of it. */
async function verifyOutlastingSession(subject: ConformanceSubject, environment: ConformanceEnvironment): Promise<void> {
  const session = await subject.openSession(environment);
  await session.verify();
  const { draining } = environment.kernel.kernel.host.slot(subject.name);
  await until(() => draining.size === 0, 'the previous versions to drain');
  await session.verify();
  await session.close();
}

/** Waits until the garbage collector has taken all but `allowed` retired versions. */
async function collected({ name, leftoversMs = LEFTOVERS_MS }: ConformanceSubject, { kernel }: ConformanceEnvironment, allowed: number): Promise<void> {
  const slot = kernel.kernel.host.slot(name);
  await until(() => slot.draining.size === 0, 'the previous versions to drain');
  await until(async () => {
    global.gc?.();
    await sleep(10);
    return slot.uncollected <= allowed;
  }, 'old versions to be collected', leftoversMs);
}

/** @param others plugins whose listeners stay */
async function kernelIsIdle(kernel: TestKernel, others: readonly string[]): Promise<void> {
  await until(() => kernel.kernel.parts.listeners.list().every(({ name }) => name !== undefined && others.includes(name)), 'listeners to close');
  await sleep(50);
}

function leaseCounts(kernel: TestKernel): ReadonlyMap<string, number> {
  return new Map(kernel.kernel.parts.listeners.list().map((row) => [row.key, row.leases]));
}

/** Listeners with more leases than before; a lease that ended meanwhile is nobody's loss. */
function leasesBeyond(before: ReadonlyMap<string, number>, kernel: TestKernel): string[] {
  return [...leaseCounts(kernel)].filter(([key, leases]) => leases > (before.get(key) ?? 0)).map(([key, leases]) => `${key}: ${leases}`);
}

/** Handles and timers of the process by kind, without those that come and go with the system's name look-ups and files. */
function activeResources(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind === 'FSReqCallback' || kind === 'GetAddrInfoReqWrap') continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).sort());
}
