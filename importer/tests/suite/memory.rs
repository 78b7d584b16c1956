//! Memory does not grow with the file.

use crate::{sales::Shape, support::*};

const MEBIBYTE: u64 = 1024 * 1024;

/// The most memory that the program had at once, as it logs itself.
async fn peak_memory_bytes(shop: &Shop, lines: u64) -> u64 {
    let (path, _) = shop.write_generated("sales.csv", &Shape::of(lines));
    let path = path.to_str().unwrap();
    // Small enough that the smaller file has several chunks too.
    let chunks = ["--chunk-bytes", "500000"];
    let load = ["load", "--file", path, "--on-overlap", "replace"];
    let output = shop.program(&[&load[..], &chunks].concat()).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    last["peak_memory_bytes"].as_u64().unwrap()
}

#[tokio::test]
async fn ten_times_the_lines_take_the_same_memory() {
    let shop = Shop::open().await;
    let small = peak_memory_bytes(&shop, 40_000).await;
    let large = peak_memory_bytes(&shop, 400_000).await;
    eprintln!("{} MiB, then {} MiB", small / MEBIBYTE, large / MEBIBYTE);
    assert!(large < small + 16 * MEBIBYTE, "{small}, then {large} bytes");
    assert!(large < 128 * MEBIBYTE, "{large} bytes");
}
