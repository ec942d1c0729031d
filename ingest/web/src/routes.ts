/**
 * Where each page stands. Behind a hash: any file server can hold the pages, whatever its path.
 * A page without `title` in the navigation is reached from another one.
 */

import { createRouter, createWebHashHistory } from "vue-router";

import WallPage from "./pages/wall/WallPage.vue";

declare module "vue-router" {
  interface RouteMeta {
    /** The wall has its own frame and the dark theme. */
    wall?: boolean;
    /** The word of the navigation under which the page stands. */
    under?: string;
  }
}

export const routes = createRouter({
  history: createWebHashHistory(),
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  routes: [
    { path: "/", component: WallPage, meta: { wall: true, under: "wall" } },
    { path: "/wall", redirect: "/" },
    { path: "/:rest(.*)*", redirect: "/" },
  ],
});
