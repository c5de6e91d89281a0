// Types of locate.mjs, which the package itself imports.

export declare const addonName: string;

/** The package that this file belongs to. */
export declare const packageFolder: string;

/** Whether the package is a clone's, with its sources, and not one that npm installed. */
export declare function isClone(folder?: string): boolean;

/** Where things too big or too slow to make twice are kept for this user. */
export declare function cacheFolder(env: Record<string, string | undefined>, home: string): string;

/** The file that says which addon of the cache is in use by this version of the package. */
export declare function choicePath(cache: string, version: string): string;

export declare function packageVersion(folder?: string): string;

/** The command that builds the addon: a clone's, or that of an installed package. */
export declare const setupCommand: string;

/** The addon to load; undefined where none was built. */
export declare function locateAddon(): string | undefined;
