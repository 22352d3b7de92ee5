import type { Device } from '../core/device.ts';
import type { Published } from '../core/published.ts';
import type { StoreReader } from '../core/store.ts';

export interface ServerOptions {
  /** An open store (readonly is enough); whoever opened it closes it, after `close()`. */
  store: StoreReader;
  /** The declared devices, asked for at each request, so that an edited file shows at once. A failure becomes a sentence on the page. */
  devices: () => Promise<readonly Device[]>;
  /** src/data/published.json, parsed by core/published.ts. */
  published: Published;
  /** Folder of the bundled page: index.html, page.js, page.css, icon.svg (dist/web). */
  webRoot: string;
  /** Address to listen on; default 127.0.0.1. Given: requests under any host name are answered. */
  host?: string;
  /** Default 4780; 0 takes a free one. */
  port?: number;
}

export interface RunningServer {
  /** For a browser on this machine: http://127.0.0.1:4780/ */
  readonly url: string;
  /** Stops listening, ends live streams, resolves when the last connection is closed. */
  close(): Promise<void>;
}
