//! Following what changes: nothing twice, nothing missed, and a page is told when it must read anew.

use super::*;
use crate::api::live::FOLLOWERS;

/// A page that follows, from behind an id.
struct Page {
    stream: tokio::net::TcpStream,
    heard: String,
}

impl Page {
    async fn open(world: &World, query: &str, header: &str) -> Page {
        let mut stream = tokio::net::TcpStream::connect(world.address).await.expect("connected");
        let request =
            format!("GET /api/v1/live{query} HTTP/1.1\r\nhost: 127.0.0.1\r\n{header}\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        Page { stream, heard: String::new() }
    }

    /// Reads on until it has heard a text; what it has heard since the last time.
    async fn until(&mut self, text: &str) -> String {
        let mut piece = [0; 4_096];
        while !self.heard.contains(text) {
            let read = self.stream.read(&mut piece);
            let read = tokio::time::timeout(std::time::Duration::from_secs(20), read).await;
            let read = read.unwrap_or_else(|_| panic!("no {text:?} in {}", self.heard));
            let read = read.expect("a stream");
            assert_ne!(read, 0, "the stream ended without {text:?}: {}", self.heard);
            self.heard.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        std::mem::take(&mut self.heard)
    }
}

/// Writes so many events and tells the followers, as the judge does after a commit.
async fn happen(world: &mut World, count: usize) {
    let told: Vec<NewEvent> = (0..count)
        .map(|n| NewEvent { kind: "alarm", body: json!({ "n": n }), at: at(1) })
        .collect();
    let mut last = 0;
    world.write(async |to| last = events::put(to, &told).await.expect("written")).await;
    world.changed.send_replace(last);
}

fn ids(heard: &str) -> Vec<u64> {
    heard.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
}

#[tokio::test]
async fn a_page_that_comes_back_gets_what_it_missed_once_and_then_what_happens() {
    let mut world = World::new().await;
    happen(&mut world, 3).await;
    let mut page = Page::open(&world, "", "last-event-id: 1\r\n").await;
    let heard = page.until("id: 3").await;
    assert!(heard.contains("text/event-stream"), "{heard}");
    assert_eq!(ids(&heard), [2, 3]);
    happen(&mut world, 2).await;
    let heard = page.until("id: 5").await;
    assert_eq!(ids(&heard), [4, 5]);
    assert!(heard.contains("event: alarm"), "{heard}");
    let mut other = Page::open(&world, "?after=4", "").await;
    assert_eq!(ids(&other.until("id: 5").await), [5]);
}

#[tokio::test]
async fn without_an_id_a_page_hears_what_happens_from_now() {
    let mut world = World::new().await;
    happen(&mut world, 3).await;
    let mut page = Page::open(&world, "", "").await;
    page.until("text/event-stream").await;
    happen(&mut world, 1).await;
    assert_eq!(ids(&page.until("id: 4").await), [4]);
}

#[tokio::test]
async fn a_page_that_has_seen_more_than_the_centre_knows_is_told_to_read_anew() {
    let mut world = World::new().await;
    happen(&mut world, 2).await;
    let mut page = Page::open(&world, "?after=9", "").await;
    let heard = page.until("event: gap").await;
    assert!(heard.contains("\"next\":\"2\""), "{heard}");
    happen(&mut world, 1).await;
    assert!(page.until("id: 3").await.contains("event: alarm"));
}

#[tokio::test]
async fn pages_beyond_the_bound_are_asked_to_come_again() {
    let world = World::new().await;
    let mut pages = Vec::new();
    for _ in 0..FOLLOWERS {
        let mut page = Page::open(&world, "", "").await;
        page.until("text/event-stream").await;
        pages.push(page);
    }
    let (status, _) = world.problem("GET", "live", None).await;
    assert_eq!(status, 503);
    drop(pages);
}
