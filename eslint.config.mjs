import tseslint from 'typescript-eslint';
import { floors, pluginRooms } from './test/support/lint-floors.mjs';

const house = { rules: { floors, 'plugin-rooms': pluginRooms } };

export default tseslint.config(
  { ignores: ['dist/', '.build/', 'node_modules/', 'state/', 'coverage/'] },
  { files: ['**/*.{js,mjs,cjs}'], extends: [tseslint.configs.base] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { house },
    rules: {
      'house/floors': 'error',
      'house/plugin-rooms': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-extraneous-class': 'off',
      // A capability or a container is asked for by type: the parameter is the caller's word, used once by nature.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // `() => void | Promise<void>` says what a release may be.
      '@typescript-eslint/no-invalid-void-type': 'off',
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 60, skipComments: true }],
      eqeqeq: 'error',
      'no-console': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['test/**/*.ts', 'plugins/*/test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', 'no-console': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['plugins/**/*.ts', 'examples/**/*.ts'],
    ignores: ['examples/**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            { name: 'tsyringe', message: "Import decorators from 'wcs-core'." },
            ...['net', 'dgram', 'tls', 'child_process', 'worker_threads', 'cluster'].flatMap((name) => [
              { name: `node:${name}`, message: 'Take it from the plugin context (ctx.listen, ctx.connect, ctx.spawn).', allowTypeImports: true },
              { name, message: "Use the 'node:' prefix and the plugin context.", allowTypeImports: true },
            ]),
          ],
        },
      ],
      'no-restricted-globals': ['error', 'setInterval', 'setTimeout', 'setImmediate'],
      'no-restricted-properties': ['error', { object: 'process', property: 'on' }, { object: 'process', property: 'exit' }],
    },
  },
  {
    // Code of child processes: its timers end with the process.
    files: ['plugins/*/child/**/*.ts'],
    rules: { 'no-restricted-globals': 'off' },
  },
);
