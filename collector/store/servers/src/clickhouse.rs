//! shim
use crate::Error;
#[derive(Debug)]
pub struct ClickHouseServer;
#[derive(Debug)]
pub struct ClickHouseDatabase { pub name: String, pub url: String }
static N: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
pub fn shared_clickhouse() -> Option<&'static ClickHouseServer> { Some(&ClickHouseServer) }
impl ClickHouseServer {
    pub fn create_database(&self) -> Result<ClickHouseDatabase, Error> {
        let name = format!("t{}_{}", std::process::id(), N.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        self.query("default", &format!("CREATE DATABASE {name}"))?;
        Ok(ClickHouseDatabase { url: format!("clickhouse+http://127.0.0.1:18123/{name}"), name })
    }
    pub fn query(&self, database: &str, sql: &str) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.query_bytes(database, sql)?).into_owned())
    }
    pub fn query_bytes(&self, database: &str, sql: &str) -> Result<Vec<u8>, Error> {
        let out = std::process::Command::new("curl").args(["-s", "--data-binary", sql, &format!("http://127.0.0.1:18123/?database={database}")]).output().unwrap();
        assert!(!out.stdout.starts_with(b"Code: "), "{}", String::from_utf8_lossy(&out.stdout));
        Ok(out.stdout)
    }
}
impl Drop for ClickHouseDatabase { fn drop(&mut self) { ClickHouseServer.query("default", &format!("DROP DATABASE {}", self.name)).unwrap(); } }
