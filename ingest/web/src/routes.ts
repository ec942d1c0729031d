/**
 * Where each page stands. Behind a hash: any file server can hold the pages, whatever its path.
 * Every page but the wall is fetched when it is first opened.
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
    { path: "/alarms", component: () => import("./pages/alarms/AlarmsPage.vue"), meta: { under: "alarms" } },
    { path: "/alarms/:id", component: () => import("./pages/alarms/AlarmPage.vue"), meta: { under: "alarms" } },
    { path: "/tickets", component: () => import("./pages/tickets/TicketsPage.vue"), meta: { under: "tickets" } },
    { path: "/tickets/:id", component: () => import("./pages/tickets/TicketPage.vue"), meta: { under: "tickets" } },
    { path: "/grids/:id?", component: () => import("./pages/grids/GridsPage.vue"), meta: { under: "grids" } },
    { path: "/units/:id", component: () => import("./pages/units/UnitPage.vue"), meta: { under: "grids" } },
    { path: "/trends", component: () => import("./pages/trends/TrendsPage.vue"), meta: { under: "trends" } },
    { path: "/gateways", component: () => import("./pages/gateways/GatewaysPage.vue"), meta: { under: "gateways" } },
    { path: "/gateways/:id", component: () => import("./pages/gateways/GatewayPage.vue"), meta: { under: "gateways" } },
    { path: "/people", component: () => import("./pages/people/PeoplePage.vue"), meta: { under: "people" } },
    { path: "/demo", component: () => import("./pages/demo/DemoPage.vue"), meta: { under: "demo" } },
    { path: "/:rest(.*)*", redirect: "/" },
  ],
});
