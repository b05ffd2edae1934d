/** Files that the bundler turns into texts: what a plugin hands to browsers, and what its child processes run. */
declare module '*.html' {
  const text: string;
  export default text;
}

declare module '*.css' {
  const text: string;
  export default text;
}

declare module '*.svg' {
  const text: string;
  export default text;
}

/** A script that runs in a browser. */
declare module '*.client.js' {
  const text: string;
  export default text;
}

/** A module for `ctx.spawnModule`, bundled. */
declare module '*.child.ts?text' {
  const text: string;
  export default text;
}
