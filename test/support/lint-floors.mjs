/** ESLint rules that keep the layering of docs/ARCHITECTURE.md: imports go down only. */
import { dirname, join, relative } from 'node:path';
import { root } from '../../core/bin/build.mjs';

const FLOORS = {
  main: 8, kernel: 7, api: 6, control: 5, plugin: 4, process: 4, net: 3, media: 3,
  config: 2, operations: 2, web: 2, scope: 2, access: 2, rtp: 2,
  log: 1, metrics: 1, sessions: 1, di: 1, errors: 1, formats: 1, remote: 1,
};

/** core/net/tls.ts -> 'net', core/kernel.ts -> 'kernel'; undefined outside core/. */
function coreRoom(file) {
  const parts = relative(root, file).split('/');
  if (parts[0] !== 'core') return undefined;
  return (parts[1] ?? '').replace(/\.ts$/, '');
}

function onImports(check) {
  const visit = (node) => node.source && check(node, String(node.source.value));
  return { ImportDeclaration: visit, ExportNamedDeclaration: visit, ExportAllDeclaration: visit };
}

/** core/: a file imports its own room or a lower floor, never upward, sideways or a plugin. */
export const floors = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const from = coreRoom(context.filename);
    if (from === undefined) return {};
    return onImports((node, source) => {
      if (source.includes('plugins/')) return context.report({ node, message: 'core/ knows no plugin.' });
      if (!source.startsWith('.')) return;
      const to = coreRoom(join(dirname(context.filename), source));
      // errors/ is the one room that all of floor 1 may use.
      if (to === undefined || to === from || to === 'errors') return;
      const [own, other] = [FLOORS[from] ?? 0, FLOORS[to] ?? 99];
      if (other >= own) context.report({ node, message: `core/${from} (floor ${own}) imports core/${to} (floor ${other}); imports go down only.` });
    });
  },
};

/** Inside a plugin: bridge -> server|client -> session -> wire. */
const ROOM_RANK = { wire: 0, session: 1, server: 2, client: 2, bridge: 3 };

/** The first folder that is a room: a large plugin has its rooms in wings, `engine/wire` and so on. */
function roomOf(folders) {
  return folders.find((folder) => folder in ROOM_RANK);
}

/** plugins/: never another plugin, never core by path, and rooms import one way. */
export const pluginRooms = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const [top, plugin, ...rest] = relative(root, context.filename).split('/');
    if (top !== 'plugins') return {};
    const room = roomOf(rest);
    return onImports((node, source) => {
      if (!source.startsWith('.')) return;
      const [toTop, toPlugin, ...toRest] = relative(root, join(dirname(context.filename), source)).split('/');
      if (toTop !== 'plugins') return context.report({ node, message: "A plugin imports the kernel as 'wcs-core' only." });
      if (toPlugin !== plugin) return context.report({ node, message: 'A plugin never imports another plugin.' });
      const toRoom = roomOf(toRest);
      const [own, other] = [ROOM_RANK[room], ROOM_RANK[toRoom]];
      if (own !== undefined && other !== undefined && other > own) context.report({ node, message: `${room}/ may not import ${toRoom}/ (bridge -> server -> session -> wire).` });
    });
  },
};
