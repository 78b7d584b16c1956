//! Memory does not grow with the file.

use crate::{sales::Shape, support::*};

const MEBIBYTE: u64 = 1024 * 1024;

/// The most memory that the program had at once, as it logs itself.
async fn peak_memory_bytes(shop: &Shop, lines: u64) -> u64 {
    let (path, _) = shop.write_generated("sales.csv", &Shape::of(lines));
    peak_memory_bytes_of(shop, &path).await
}

async fn peak_memory_bytes_of(shop: &Shop, path: &std::path::Path) -> u64 {
    let path = path.to_str().unwrap();
    // Small enough that the smaller file has several chunks too.
    peak_memory_bytes_with(shop, &["--file", path, "--chunk-bytes", "500000"]).await
}

async fn peak_memory_bytes_with(shop: &Shop, arguments: &[&str]) -> u64 {
    let load = ["load", "--on-overlap", "replace"];
    let output = shop.program(&[&load, arguments].concat()).output().await.unwrap();
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

#[tokio::test]
async fn ids_in_no_order_take_hardly_more() {
    let shop = Shop::open().await;
    let rising = Shape::of(400_000);
    let (path, _) = shop.write_generated("rising.csv", &rising);
    let rising_peak = peak_memory_bytes_in_small_chunks(&shop, &path).await;
    let (path, _) = shop.write_generated("text.csv", &Shape { text_ids: true, ..rising });
    let text_peak = peak_memory_bytes_in_small_chunks(&shop, &path).await;
    // And with more in common than an order key has in its head.
    let text = std::fs::read_to_string(&path).unwrap().replace(",W", ",SHOP-SINGAPORE-W");
    let path = shop.write("shop.csv", text);
    let shop_peak = peak_memory_bytes_in_small_chunks(&shop, &path).await;
    let [rising, text, alike] = [rising_peak, text_peak, shop_peak].map(|peak| peak / MEBIBYTE);
    eprintln!("{rising} MiB, then {text} and {alike} MiB");
    assert!(text.max(alike) < rising + 10, "{rising} MiB, then {text} and {alike} MiB");
}

/// With about a thousand chunks, all of which hold ids of the same range.
async fn peak_memory_bytes_in_small_chunks(shop: &Shop, path: &std::path::Path) -> u64 {
    let path = path.to_str().unwrap();
    peak_memory_bytes_with(shop, &["--file", path, "--chunk-bytes", "50000"]).await
}

#[tokio::test]
async fn a_packed_file_in_another_encoding_takes_hardly_more() {
    let shop = Shop::open().await;
    let (path, _) = shop.write_generated("sales.csv", &Shape::of(200_000));
    let plain = peak_memory_bytes_of(&shop, &path).await;
    let text = std::fs::read_to_string(&path).unwrap();
    let utf16: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&b"\xff\xfe"[..], &utf16].concat();
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let packed = ruzstd::encoding::compress_to_vec(&marked[..], level);
    let path = shop.write("sales.csv.zst", packed);
    let packed = peak_memory_bytes_of(&shop, &path).await;
    eprintln!("{} MiB, then {} MiB", plain / MEBIBYTE, packed / MEBIBYTE);
    assert!(packed < plain + 32 * MEBIBYTE, "{plain}, then {packed} bytes");
}

#[tokio::test]
async fn a_million_bad_lines_take_no_more_than_sales_do() {
    let shop = Shop::open().await;
    // The shorter a line, the more of them come in a chunk.
    let path = shop.write("bad.csv", format!("{HEADER}{}", "x\n".repeat(1_000_000)));
    let path = path.to_str().unwrap();
    let peak = peak_memory_bytes_with(&shop, &["--file", path, "--max-rejected", "100%"]).await;
    eprintln!("{} MiB", peak / MEBIBYTE);
    assert_eq!(shop.sql("SELECT count(*), max(line) FROM takings.reject"), "1000000|1000001");
    assert!(peak < 64 * MEBIBYTE, "{peak} bytes");
}
